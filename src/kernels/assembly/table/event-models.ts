// The models that learn event by event, but the linear one, which has a loop of its own (linear.ts): what each makes of the
// weights of an event's features. A model is a number here, a line in each function, and a kind in src/towers.
import { ffmGradients, ffmLogit, openFfm } from "./ffm";
import { fmGradients, fmLogit, openFm } from "./fm";

export const LINEAR: u32 = 0;
const FM: u32 = 1;
const FFM: u32 = 2;

export let model: u32 = LINEAR;

/** Takes the model's workspace for events of features of `cells` cells; `gradients`: where their rows' will be wanted. */
export function openPairs(model_: u32, cells: u32, gradients: usize): bool {
  model = model_;
  if (model == FM) return openFm();
  if (model == FFM) return openFfm(cells, gradients);
  return false;
}

/** The logit of the event whose features' weights were read. */
@inline
export function modelLogit(count: u32): f32 {
  if (model == FM) return fmLogit(count);
  if (model == FFM) return ffmLogit(count);
  return NaN;
}

/** Gradients of the features' rows, f32[features × lanes], from the gradient g of the logit that was last asked for. */
@inline
export function modelGradients(count: u32, g: f32, gradients: usize): void {
  if (model == FM) fmGradients(count, g, gradients);
  if (model == FFM) ffmGradients(count, g, gradients);
}
