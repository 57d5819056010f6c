// The batch loop of models that learn event by event: the rows of an event's features are read, the model computes a
// logit from their weights, and the gradient of the loss for each of them; then all rows are updated. A row that occurs
// twice in an event is updated twice, one after the other, with the weights that were read. A model may have a wide
// part (wide.ts): its logit is added, and an event is learned by both or by neither.
import { sigmoid } from "../metric/logistic";
import { LINEAR, model, modelGradients, modelLogit, openPairs } from "./event-models";
import { batchRows, beginBatch, enterEvent, importanceOf, labelOf, setLogit } from "./event-batch";
import { fillRowless, readEvent, statesAt, weightsAt } from "./events";
import { PREFETCH, prefetch } from "./prefetch";
import { usable, within } from "./lanes";
import { beginLinear, learnLinear, openLinear, readLinear } from "./linear";
import { workspace } from "./memory";
import { CALM, clip, laneBytes, lanes, update, weights } from "./row-state";
import { beginStep } from "./optimizers/index";
import { beginWide, learnWide, readWide, setWide, wide } from "./wide";

/** Events are additionally weighted by 1 + p if positive, by 1 - p² if negative, p being the model's probability. */
let weighsFakes: bool = false;

/** f32[features × lanes]. */
let gradientsAt: usize = 0;
/** Number of features of the event last read. */
let count: u32 = 0;

/** Allocates a model's workspace for events of up to `most` features in `cells` cells; call after `openEvents`. */
export function openModel(model_: u32, most: u32, cells: u32, wide_: bool): bool {
  setWide(wide_);
  if (model_ == LINEAR) return openLinear();
  gradientsAt = workspace(<usize>most * laneBytes);
  return openPairs(model_, cells, gradientsAt) && gradientsAt != 0;
}

export function setFakeWeights(on: bool): void {
  weighsFakes = on;
}

/** Begins to learn a batch of `rows` events. False, with nothing changed, if the table has no room for new rows. */
export function beginEvents(rows: u32): bool {
  return begin(rows, true);
}

/**
 * Scores and learns events [from, to) of the batch one after the other; those with importance 0 are only scored. Call
 * for all of them in order, `from` being a multiple of PREFETCH. Returns the number of skipped events, -1 if the table
 * has no room for new rows.
 */
export function learnEvents(from: u32, to: u32): i32 {
  let skipped: i32 = 0;
  for (let r = from; r < to; r++) {
    if (importanceOf(r) == 0) {
      scoreEvent(r);
      continue;
    }
    if (!enterEvent(r)) return -1;
    const logit = read(r, true);
    setLogit(r, logit);
    if (!(abs<f32>(logit) < Infinity && learn(gradientOf(r, <f32>sigmoid(logit))))) skipped++;
  }
  return skipped;
}

/** The gradient of the loss with respect to event r's logit. */
@inline
function gradientOf(r: u32, p: f32): f32 {
  const label = labelOf(r);
  const g = (p - label) * importanceOf(r);
  return weighsFakes ? g * (1 + p) * (label > 0 ? 1 : 1 - p) : g;
}

/** Logits of `rows` events; nothing changes. */
export function scoreEvents(rows: u32): void {
  begin(rows, false);
  for (let r: u32 = 0; r < rows; r++) scoreEvent(r);
}

function scoreEvent(r: u32): void {
  setLogit(r, read(r, false));
}

@inline
function begin(rows: u32, learning: bool): bool {
  return (
    (model == LINEAR ? beginLinear(rows, learning) : beginBatch(rows, learning)) && (!wide || beginWide(rows, learning))
  );
}

/** The logit of event r. */
@inline
function read(r: u32, learning: bool): f32 {
  const logit = model == LINEAR ? readLinear(r, learning) : readPairs(r, learning);
  return wide ? logit + readWide(r, learning) : logit;
}

@inline
function readPairs(r: u32, learning: bool): f32 {
  if (r % PREFETCH == 0) prefetch(r, min(r + PREFETCH, batchRows));
  count = readEvent(r, learning);
  for (let i: u32 = 0; i < count; i++) {
    const state = <usize>load<u32>(statesAt + ((<usize>i) << 2));
    if (state) weights(state, weightsAt + <usize>i * laneBytes);
  }
  fillRowless();
  return modelLogit(count);
}

/**
 * Learns the event last read from the gradient g of its logit; false, with nothing changed, if a weight's gradient is
 * far too large.
 */
@inline
function learn(g: f32): bool {
  return model == LINEAR ? learnLinear(g) : learnPairs(g);
}

@inline
function learnPairs(g: f32): bool {
  modelGradients(count, g, gradientsAt);
  const calm = within(gradientsAt, count * lanes, CALM);
  if (!(calm || usable(gradientsAt, count * lanes)) || (wide && !learnWide(g))) return false;
  beginStep();
  for (let i: u32 = 0; i < count; i++) {
    const offset = <usize>i * laneBytes;
    const state = <usize>load<u32>(statesAt + ((<usize>i) << 2));
    if (!calm) clip(state, gradientsAt + offset);
    update(state, weightsAt + offset, gradientsAt + offset);
  }
  return true;
}
