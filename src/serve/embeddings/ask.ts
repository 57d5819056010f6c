import type { Model } from "../../model/model.js";
import { type Embedded, embedded } from "./lookup.js";
import { type Neighbour, neighbours, type Wanted } from "./neighbours.js";
import { type Id, onlyField, placeOf } from "./places.js";
import type { Look } from "./steady.js";

/** A query to a model's tables: plain data, since they may be in another thread. */
export type Question =
  | {
      readonly kind: "lookup";
      readonly field?: string | undefined;
      readonly table?: string | undefined;
      readonly ids: readonly Id[];
    }
  | { readonly kind: "neighbors"; readonly wanted: Wanted };

/** The result, with the table and field it comes from. */
export interface Found {
  readonly field: string;
  readonly table: string;
  /** For a look-up. */
  readonly vectors: readonly Embedded[];
  /** For a search. */
  readonly neighbors: readonly Neighbour[];
}

/**
 * @param look runs steps on one version of the model
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
