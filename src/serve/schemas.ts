import { type Static, type TProperties, Type } from "../schema/typebox.js";
import { MAX_CANDIDATES } from "./scorer.js";

/** An object without additional members: misspelt ones are rejected, not ignored. */
export const strict = <P extends TProperties>(properties: P, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(description !== undefined && { description }) });

const members = (description: string) => Type.Unsafe<Record<string, unknown>>({ type: "object", description });
const probability = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });

/** Options of a score request, for results besides scores. */
export const ScoreRequestOptions = strict({
  top_k: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_CANDIDATES,
      description: "Answer the best so many, best first; of equals the first.",
    }),
  ),
  explain: Type.Optional(
    Type.Boolean({
      description:
        "Answer each field's share of the logit: what the logit loses without the field. With top_k of the best alone.",
    }),
  ),
});
export type ScoreRequestOptions = Static<typeof ScoreRequestOptions>;

const context = Type.Optional(
  Type.Unsafe<Record<string, unknown> | null>({
    type: ["object", "null"],
    description: "Members that all candidates share.",
  }),
);
const options = Type.Optional(ScoreRequestOptions);

/** The body of a score request: one object per candidate. */
export const CandidatesBody = strict({
  context,
  candidates: Type.Array(
    members("One candidate's members: added to the context's at every depth, and winning over them."),
    {
      minItems: 1,
      maxItems: MAX_CANDIDATES,
    },
  ),
  options,
});

/** The same with a list per member instead of an object per candidate. */
export const ColumnsBody = strict({
  context,
  columns: Type.Unsafe<Record<string, readonly unknown[]>>({
    type: "object",
    minProperties: 1,
    additionalProperties: { type: "array", minItems: 1, maxItems: MAX_CANDIDATES },
    description: "By the members' dotted paths: a value a candidate, null where it has none. All are of one length.",
  }),
  options,
});

/** The body of a score request. */
export const ScoreBody = Type.Union([CandidatesBody, ColumnsBody]);

/** The version that made an answer. */
export const version = {
  model: Type.String({ description: "The spec's name." }),
  version: Type.Integer({ minimum: 0, description: "Examples learned." }),
  spec_hash: Type.String({ pattern: "^[0-9a-f]{16}$" }),
};

const Explanation = strict({
  index: Type.Integer({ minimum: 0, description: "The candidate's place in the request." }),
  logit: Type.Number({ description: "ln(p / (1 - p)) of its score." }),
  shares: Type.Record(Type.String(), Type.Number(), {
    description: "By field: the logit less the logit without the field.",
  }),
});
export type Explanation = Static<typeof Explanation>;

/** The answer to a score request. */
export const ScoreAnswer = strict({
  scores: Type.Array(probability("Click probability."), { description: "In the order of the candidates." }),
  calibrated: Type.Optional(
    Type.Array(probability("Corrected by the model's calibrator."), {
      description: "Where the model has a calibrator.",
    }),
  ),
  ...version,
  ignored: Type.Optional(
    Type.Array(Type.String(), { description: "Paths of members that no field reads, at most 100." }),
  ),
  rank: Type.Optional(
    Type.Array(Type.Integer({ minimum: 1 }), {
      description: "Where the server explores: each candidate's place in the order that was drawn, 1 the first.",
    }),
  ),
  propensity: Type.Optional(
    Type.Array(probability("That the candidate comes first."), {
      description: "Where the server explores: by the way the order was drawn. They sum to 1.",
    }),
  ),
  top_k: Type.Optional(
    Type.Array(strict({ index: Type.Integer({ minimum: 0 }), score: probability("As in scores.") }), {
      description: "The best candidates, best first; where the server explores, the first of the order.",
    }),
  ),
  explain: Type.Optional(
    Type.Array(Explanation, { description: "Of the candidates in their order, or of those in top_k." }),
  ),
});

/** Every error. */
export const ErrorAnswer = strict({
  error: Type.String({ description: "What is wrong, its place first." }),
  code: Type.String({ description: "What a program branches on." }),
  hint: Type.Optional(Type.String({ description: "What to do about it." })),
});

/** The description of a model. */
export const ModelAnswer = strict({
  ...version,
  label: members("What is predicted: the label as the spec compiles it."),
  fields: Type.Array(
    strict({
      name: Type.String(),
      type: Type.String(),
      from: Type.Optional(Type.String({ description: "The member it is read from: a dotted path." })),
      of: Type.Optional(Type.Array(Type.String(), { description: "Of a cross: the fields it combines." })),
      missing: Type.String({ description: "What it means that the member is missing, null or empty." }),
    }),
  ),
  tables: Type.Array(
    strict({
      name: Type.String(),
      encoding: Type.String(),
      dim: Type.Integer({ minimum: 1 }),
      role: Type.Union([Type.Literal("embedding"), Type.Literal("wide")]),
      fields: Type.Array(Type.String(), { description: "Fields that are looked up in it." }),
    }),
  ),
});

export const ModelsAnswer = strict({
  models: Type.Array(strict({ name: Type.String({ description: "What requests call it." }), ...version })),
});
