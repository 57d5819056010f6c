// The state of rows before anything is learned for them: drawn from the table's seed (initial.ts), or all zeros.
import { drawWeights } from "./initial";
import { workspace } from "./memory";
import { NONE } from "./row-places";
import { derive, dim, initialAt, initialise, laneBytes, lanes, serving, takeSingle } from "./row-state";
import { derives } from "./optimizers/index";

let seed: u64 = 0;
let init: f32 = 0;
/** True if a new row's state is all zeros, as its memory already is. */
export let blank: bool = false;
/** Rows of a hash table from this one on are initialised around 1 instead of 0: factors of a product. */
let unitFrom: u32 = NONE;
/** State memory for computing the weights of a row that does not exist. */
export let scratchState: usize = 0;

/** Decides what new rows are, and allocates the workspace for one; false if the memory limit is exceeded. */
export function openInitial(seed_: u64, init_: f32): bool {
  seed = seed_;
  init = init_;
  blank = serving || (init == 0 && derives() && unitFrom == NONE);
  scratchState = workspace(3 * laneBytes + 16);
  return takeSingle() && scratchState != 0;
}

/**
 * out[lanes] = weights of a row never learned. They are computed through the row's initial state, so that they equal
 * bit for bit what the row returns once it exists.
 */
export function initialWeights(id: u64, out: usize): void {
  makeState(id, scratchState);
  derive(scratchState, out);
}

/** Call before `open`. */
export function setUnitRows(from: u32): void {
  unitFrom = from;
}

/** Creates the state of a new row. */
export function makeState(id: u64, ptr: usize): void {
  const w = initialAt(ptr);
  drawWeights(id, seed, init, dim, lanes, w);
  if (unitFrom != NONE && id >= <u64>unitFrom) addOne(w);
  initialise(ptr);
}

function addOne(w: usize): void {
  for (let at = w, end = w + ((<usize>dim) << 2); at < end; at += 4) store<f32>(at, load<f32>(at) + 1);
}
