import type { CompiledSpec } from "../spec/compiled.js";
import { EventModel } from "./event-model.js";
import type { Model, ModelOptions } from "./model.js";
import { TowerModel } from "./tower-model.js";

/** True for the models without a dense tower, which learn event by event. */
export function learnsByEvent(spec: CompiledSpec): boolean {
  return spec.tower.kind === "lr" || spec.tower.kind === "fm";
}

/** Builds the model a spec describes, with its initial weights. */
export async function createModel(spec: CompiledSpec, options: ModelOptions): Promise<Model> {
  return learnsByEvent(spec) ? new EventModel(spec, options) : TowerModel.create(spec, options);
}
