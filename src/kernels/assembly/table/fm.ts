// Factorization machine (Rendle 2010), event by event. A row holds `factors` factors v, then the linear weight w, then
// padding of zeros: logit = sum of w x + 1/2 sum over k of ((sum of v_k x)^2 - sum of (v_k x)^2). With S = sum of v x:
// the gradient of w is g x and of v is g x (S - v x), g = (p - y) importance. All rows of an event are read before any is
// updated; a row that occurs twice in an event is updated twice, one after the other, with the weights that were read.
import { sigmoid } from "../metric/logistic";
import {
  enterEvent,
  fillUnborn,
  importanceOf,
  labelOf,
  makeRoom,
  readEvent,
  setLogit,
  statesAt,
  valuesAt,
  WARM,
  warm,
  weightsAt,
} from "./events";
import { sumLanes, usable, within } from "./lanes";
import { workspace } from "./memory";
import { beginStep, CALM, clip, laneBytes, lanes, update, weights } from "./optimizer";

/** Byte offset of the linear weight in a row. */
let linearAt: usize = 0;
/** f32[lanes]: sum of v x, with the linear weights' sum in its lane; sum of (v x)^2. */
let sumAt: usize = 0;
let squaresAt: usize = 0;
/** f32[features × lanes]. */
let gradientsAt: usize = 0;

/** Takes the workspace of `fm` for events of up to `most` features, after `openEvents`. */
export function openFm(most: u32, factors: u32): bool {
  linearAt = <usize>factors << 2;
  sumAt = workspace(laneBytes);
  squaresAt = workspace(laneBytes);
  gradientsAt = workspace(<usize>most * laneBytes);
  return gradientsAt != 0;
}

/** Scores and learns `rows` events one after the other. Returns how many were skipped, -1 when the table has no room for more. */
export function learnFm(rows: u32): i32 {
  if (!makeRoom(rows)) return -1;
  let skipped: i32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    if (!enterEvent(r)) return -1;
    if (r % WARM == 0) warm(r, min(r + WARM, rows), true);
    const count = readEvent(r, true);
    const logit = logitOf(count);
    setLogit(r, logit);
    const g = (<f32>sigmoid(logit) - labelOf(r)) * importanceOf(r);
    differentiate(count, g);
    const calm = within(gradientsAt, count * lanes, CALM);
    if (abs<f32>(logit) < Infinity && (calm || usable(gradientsAt, count * lanes))) learnEvent(count, calm);
    else skipped++;
  }
  return skipped;
}

/** Logits of `rows` events; nothing changes. */
export function scoreFm(rows: u32): void {
  for (let r: u32 = 0; r < rows; r++) {
    if (r % WARM == 0) warm(r, min(r + WARM, rows), false);
    setLogit(r, logitOf(readEvent(r, false)));
  }
}

function logitOf(count: u32): f32 {
  readRows(count);
  addUp(count);
  const linear = load<f32>(sumAt + linearAt);
  let pairs = f32x4.splat(0);
  for (let k: usize = 0; k < laneBytes; k += 16) {
    const sum = v128.load(sumAt + k);
    pairs = f32x4.add(pairs, f32x4.sub(f32x4.mul(sum, sum), v128.load(squaresAt + k)));
  }
  return linear + <f32>0.5 * sumLanes(pairs);
}

function readRows(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const state = <usize>load<u32>(statesAt + (<usize>i << 2));
    if (state) weights(state, weightsAt + <usize>i * laneBytes);
  }
  fillUnborn();
}

/** Sums v x and (v x)^2 over the event's features, lane by lane; the linear lane's square cancels in `logitOf`. */
function addUp(count: u32): void {
  for (let k: usize = 0; k < laneBytes; k += 16) {
    let sum = f32x4.splat(0);
    let squares = f32x4.splat(0);
    for (let i: u32 = 0; i < count; i++) {
      const x = v128.load32_splat(valuesAt + (<usize>i << 2));
      const vx = f32x4.mul(v128.load(weightsAt + <usize>i * laneBytes + k), x);
      sum = f32x4.add(sum, vx);
      squares = f32x4.add(squares, f32x4.mul(vx, vx));
    }
    v128.store(sumAt + k, sum);
    v128.store(squaresAt + k, squares);
  }
  const linear = load<f32>(sumAt + linearAt);
  store<f32>(squaresAt + linearAt, linear * linear);
}

/** Gradients of the features' rows: g x (S - v x) in the factors' lanes, g x in the linear lane. */
function differentiate(count: u32, g: f32): void {
  for (let i: u32 = 0; i < count; i++) {
    const x = load<f32>(valuesAt + (<usize>i << 2));
    const xs = f32x4.splat(x);
    const gx = f32x4.splat(g * x);
    const row = weightsAt + <usize>i * laneBytes;
    const out = gradientsAt + <usize>i * laneBytes;
    for (let k: usize = 0; k < laneBytes; k += 16) {
      const others = f32x4.sub(v128.load(sumAt + k), f32x4.mul(v128.load(row + k), xs));
      v128.store(out + k, f32x4.mul(gx, others));
    }
    store<f32>(out + linearAt, g * x);
  }
}

function learnEvent(count: u32, calm: bool): void {
  beginStep();
  for (let i: u32 = 0; i < count; i++) {
    const offset = <usize>i * laneBytes;
    const state = <usize>load<u32>(statesAt + (<usize>i << 2));
    if (!calm) clip(state, gradientsAt + offset);
    update(state, weightsAt + offset, gradientsAt + offset);
  }
}
