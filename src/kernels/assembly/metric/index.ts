// Kernel module `metric`: probabilities and streaming metrics.
import { sigmoid as probability } from "./logistic";

export { aucError, crowding } from "./area";
export { merge, shrink, toCells, toShares } from "./cells";
export { design } from "./design";
export { addSingles, layOut, listOf, measureAll, moveTo, spread, takeSingles, tally } from "./layout";
export { sort } from "./sort";
export { accumulate, evaluate } from "./totals";

/** First byte of the memory that the caller may lay out. */
export function heapBase(): usize {
  return __heap_base;
}

/** f32 logits to f32 probabilities, `rows` of them. */
export function sigmoid(logits: usize, out: usize, rows: u32): void {
  for (let at: usize = 0, end = (<usize>rows) << 2; at < end; at += 4) {
    store<f32>(out + at, <f32>probability(<f64>load<f32>(logits + at)));
  }
}

/** The probability of one logit, in f64. */
export function logistic(x: f64): f64 {
  return probability(x);
}

/** Natural logarithm: the same bits under every version of Node, which Math.log does not promise. */
export function ln(x: f64): f64 {
  return NativeMath.log(x);
}
