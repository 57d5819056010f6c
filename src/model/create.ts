import type { CompiledSpec } from "../spec/compiled.js";
import { learnsByEvent } from "../towers/index.js";
import { EventModel } from "./event-model.js";
import type { Model, ModelOptions } from "./model.js";

/** Builds the model a spec describes, with its initial weights. */
export async function createModel(spec: CompiledSpec, options: ModelOptions): Promise<Model> {
  if (learnsByEvent(spec.tower.kind)) return new EventModel(spec, options);
  const { TowerModel } = await import("./tower-model.js");
  return TowerModel.create(spec, options);
}
