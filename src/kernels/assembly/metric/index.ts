// Kernel module `metric`: probabilities and streaming metrics.
import { sigmoid as probability } from "./logistic";

export { aucError, crowding } from "./area";
export { merge, shrink, toCells, toShares } from "./cells";
export { design } from "./design";
export {
  addSingles,
  layOut,
  listOf,
  measureAll,
  moveSingles,
  moveTo,
  placesOf,
  spread,
  takeSingles,
  tally,
} from "./layout";
export { sort } from "./sort";
export { accumulate, evaluate } from "./totals";

/** Address of the first byte that the caller may use. */
export function heapBase(): usize {
  return __heap_base;
}

/** Converts `rows` f32 logits to f32 probabilities. */
export function sigmoid(logits: usize, out: usize, rows: u32): void {
  for (let at: usize = 0, end = (<usize>rows) << 2; at < end; at += 4) {
    store<f32>(out + at, <f32>probability(<f64>load<f32>(logits + at)));
  }
}

/** The probability of one logit, in f64. */
export function logistic(x: f64): f64 {
  return probability(x);
}

/** Natural logarithm, with the same bits on every version of Node, which Math.log does not guarantee. */
export function ln(x: f64): f64 {
  return NativeMath.log(x);
}
