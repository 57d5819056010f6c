import type { Model } from "../../model/model.js";
import { type Embedded, embedded } from "./lookup.js";
import { type Neighbour, neighbours, type Wanted } from "./neighbours.js";
import { type Id, onlyField, placeOf } from "./places.js";
import type { Look } from "./steady.js";

/** What a model's tables are asked: plain data, since they may be in another thread. */
export type Question =
  | {
      readonly kind: "lookup";
      readonly field?: string | undefined;
      readonly table?: string | undefined;
      readonly ids: readonly Id[];
    }
  | { readonly kind: "neighbors"; readonly wanted: Wanted };

/** What was found, and in which table for which field. */
export interface Found {
  readonly field: string;
  readonly table: string;
  /** Of a look-up. */
  readonly vectors: readonly Embedded[];
  /** Of a search. */
  readonly neighbors: readonly Neighbour[];
}

/**
 * @param look runs steps with one version of the model
 * @throws HashbrookError request_invalid
 */
export async function answered(look: Look, question: Question): Promise<Found> {
  if (question.kind === "neighbors") {
    const { wanted } = question;
    return { field: wanted.field, vectors: [], ...(await neighbours(look, wanted)) };
  }
  const { field: named, table, ids } = question;
  const fieldIn = ({ spec }: Model) => named ?? onlyField(spec, table!);
  const placeIn = (model: Model) => placeOf(model, fieldIn(model), table);
  const where = await look((model) => ({ field: fieldIn(model), table: placeIn(model).table.name }));
  return { ...where, neighbors: [], vectors: await embedded(look, placeIn, ids) };
}
