// How every model that learns event by event goes through a batch: the rows of an event's features are read, the model makes a
// logit of their weights, and gradients of the loss for each of them; then all rows are updated. A row that occurs twice in an
// event is updated twice, one after the other, with the weights that were read.
import { sigmoid } from "../metric/logistic";
import { LINEAR, model, modelGradients, modelLogit, openPairs } from "./event-models";
import {
  enterEvent,
  fillUnborn,
  importanceOf,
  labelOf,
  makeRoom,
  readEvent,
  setLogit,
  statesAt,
  WARM,
  warm,
  weightsAt,
} from "./events";
import { usable, within } from "./lanes";
import { learnLinear, openLinear, scoreLinear } from "./linear";
import { workspace } from "./memory";
import { CALM, clip, laneBytes, lanes, update, weights } from "./row-state";
import { beginStep } from "./optimizers/index";

/** f32[features × lanes]. */
let gradientsAt: usize = 0;

/** Takes the workspace of a model for events of up to `most` features of `cells` cells, after `openEvents`. */
export function openModel(model_: u32, most: u32, cells: u32): bool {
  if (model_ == LINEAR) return openLinear();
  gradientsAt = workspace(<usize>most * laneBytes);
  return openPairs(model_, cells, gradientsAt) && gradientsAt != 0;
}

/**
 * Scores and learns `rows` events one after the other; those without importance are scored alone. Returns how many were skipped, -1
 * when the table has no room for more.
 */
export function learnEvents(rows: u32): i32 {
  if (model == LINEAR) return learnLinear(rows);
  if (!makeRoom(rows)) return -1;
  let skipped: i32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    const learning = importanceOf(r) != 0;
    if (learning && !enterEvent(r)) return -1;
    if (r % WARM == 0) warm(r, min(r + WARM, rows), true);
    if (!learning) {
      scoreEvent(r);
      continue;
    }
    const count = readEvent(r, true);
    const logit = logitOf(count);
    setLogit(r, logit);
    if (!learnEvent(count, logit, (<f32>sigmoid(logit) - labelOf(r)) * importanceOf(r))) skipped++;
  }
  return skipped;
}

/** Logits of `rows` events; nothing changes. */
export function scoreEvents(rows: u32): void {
  if (model == LINEAR) return scoreLinear(rows);
  for (let r: u32 = 0; r < rows; r++) {
    if (r % WARM == 0) warm(r, min(r + WARM, rows), false);
    scoreEvent(r);
  }
}

function scoreEvent(r: u32): void {
  setLogit(r, logitOf(readEvent(r, false)));
}

@inline
function logitOf(count: u32): f32 {
  for (let i: u32 = 0; i < count; i++) {
    const state = <usize>load<u32>(statesAt + (<usize>i << 2));
    if (state) weights(state, weightsAt + <usize>i * laneBytes);
  }
  fillUnborn();
  return modelLogit(count);
}

/** Learns from the gradient g of the logit; false, with nothing changed, where something is not finite or far too large. */
@inline
function learnEvent(count: u32, logit: f32, g: f32): bool {
  modelGradients(count, g, gradientsAt);
  const calm = within(gradientsAt, count * lanes, CALM);
  if (!(abs<f32>(logit) < Infinity) || !(calm || usable(gradientsAt, count * lanes))) return false;
  beginStep();
  for (let i: u32 = 0; i < count; i++) {
    const offset = <usize>i * laneBytes;
    const state = <usize>load<u32>(statesAt + (<usize>i << 2));
    if (!calm) clip(state, gradientsAt + offset);
    update(state, weightsAt + offset, gradientsAt + offset);
  }
  return true;
}
