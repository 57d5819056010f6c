// The models that learn event by event, except the linear one, which has its own loop (linear.ts): their computations
// on the weights of an event's features. A model has a number here, a line in each function, and a kind in src/towers.
import { ffmGradients, ffmLogit, openFfm } from "./ffm";
import { fmGradients, fmLogit, openFm } from "./fm";

export const LINEAR: u32 = 0;
const FM: u32 = 1;
const FFM: u32 = 2;

export let model: u32 = LINEAR;

/**
 * Allocates the model's workspace for events with features in `cells` cells; `gradients`: where the gradients of their
 * rows will be written.
 */
export function openPairs(model_: u32, cells: u32, gradients: usize): bool {
  model = model_;
  if (model == FM) return openFm();
  if (model == FFM) return openFfm(cells, gradients);
  return false;
}

/** The logit of the event whose weights were read. */
@inline
export function modelLogit(count: u32): f32 {
  if (model == FM) return fmLogit(count);
  if (model == FFM) return ffmLogit(count);
  return NaN;
}

/**
 * Computes the gradients of the features' rows, f32[features × lanes], from the gradient g of the logit computed last.
 */
@inline
export function modelGradients(count: u32, g: f32, gradients: usize): void {
  if (model == FM) fmGradients(count, g, gradients);
  if (model == FFM) ffmGradients(count, g, gradients);
}
