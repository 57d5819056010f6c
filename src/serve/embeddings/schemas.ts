import { type Static, Type } from "../../schema/typebox.js";
import { strict, version } from "../schemas.js";
import { MAX_CANDIDATES } from "../scorer.js";

const value = { type: ["string", "integer", "boolean"] };
/** As written in a request: a number counts as its text. */
const GivenId = Type.Unsafe<unknown>({
  anyOf: [value, { type: "array", items: value, minItems: 2, maxItems: 16 }],
  description: "A value of the field: its text, or an integer; for a cross a list with a value per component.",
});
const ToldId = Type.Unsafe<string | readonly string[]>({
  anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }],
});
const field = Type.String({ description: "The field of the ids." });
const table = Type.Optional(
  Type.String({ description: "Needed only if several tables have the field. Default: the one with embeddings." }),
);
const ids = Type.Array(GivenId, { minItems: 1, maxItems: MAX_CANDIDATES });
const key = Type.String({ pattern: "^[0-9a-f]{16}$", description: "Key of the id in the table: XXH64." });

export const LookupBody = strict({ field, table, ids });
export type LookupBody = Static<typeof LookupBody>;

const Vector = strict({
  id: ToldId,
  key,
  learned: Type.Unsafe<boolean | null>({
    type: ["boolean", "null"],
    description:
      "Whether the row was learned; if not, the vector is the initial one of a new id. null if ids have no rows of their own.",
  }),
  vector: Type.Array(Type.Number()),
});

const where = { ...version, field, table: Type.String() };
export const LookupAnswer = strict({ ...where, vectors: Type.Array(Vector) });
export const EmbeddingAnswer = strict({ ...where, ...Vector.properties });

const metric = Type.Unsafe<"cosine" | "dot">({
  type: "string",
  enum: ["cosine", "dot"],
  description: "Default: cosine.",
});

export const NeighborsBody = strict({
  field,
  table,
  id: Type.Optional(GivenId),
  vector: Type.Optional(
    Type.Array(Type.Number(), {
      minItems: 1,
      maxItems: 65536,
      description: "The vector to compare with, instead of an id.",
    }),
  ),
  among: Type.Optional(ids),
  k: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: "Default: 10." })),
  metric: Type.Optional(metric),
});
export type NeighborsBody = Static<typeof NeighborsBody>;

export const NeighborsAnswer = strict({
  ...where,
  metric,
  neighbors: Type.Array(strict({ key, score: Type.Number(), id: Type.Optional(ToldId) }), {
    description: "Nearest first.",
  }),
});
