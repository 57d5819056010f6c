import type { CompiledSpec } from "../spec/compiled.js";
import { EventModel } from "./event-model.js";
import type { Model, ModelOptions } from "./model.js";

/** True for the models without a dense tower, which learn event by event. */
export function learnsByEvent(spec: CompiledSpec): boolean {
  return spec.tower.kind === "lr" || spec.tower.kind === "fm";
}

/** Builds the model a spec describes, with its initial weights. */
export async function createModel(spec: CompiledSpec, options: ModelOptions): Promise<Model> {
  if (learnsByEvent(spec)) return new EventModel(spec, options);
  const { TowerModel } = await import("./tower-model.js");
  return TowerModel.create(spec, options);
}
