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
      description: "Return this many of the best candidates, best first; ties in the order of the request.",
    }),
  ),
  explain: Type.Optional(
    Type.Boolean({
      description:
        "Return each field's share of the logit: how much lower the logit is without the field. With top_k, only for the best.",
    }),
  ),
});
export type ScoreRequestOptions = Static<typeof ScoreRequestOptions>;

const context = Type.Optional(
  Type.Unsafe<Record<string, unknown> | null>({
    type: ["object", "null"],
    description: "Members shared by all candidates.",
  }),
);
const options = Type.Optional(ScoreRequestOptions);

/** The body of a score request: one object per candidate. */
export const CandidatesBody = strict({
  context,
  candidates: Type.Array(members("Members of one candidate: merged deeply into the context's, which they override."), {
    minItems: 1,
    maxItems: MAX_CANDIDATES,
  }),
  options,
});

/** The same with a list per member instead of an object per candidate. */
export const ColumnsBody = strict({
  context,
  columns: Type.Unsafe<Record<string, readonly unknown[]>>({
    type: "object",
    minProperties: 1,
    additionalProperties: { type: "array", minItems: 1, maxItems: MAX_CANDIDATES },
    description:
      "One array per member, named by its dotted path: a value per candidate, null if it has none. All have the same length.",
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
  index: Type.Integer({ minimum: 0, description: "The candidate's index in the request." }),
  logit: Type.Number({ description: "ln(p / (1 - p)) of the score." }),
  shares: Type.Record(Type.String(), Type.Number(), {
    description: "Per field: the logit minus the logit without the field.",
  }),
});
export type Explanation = Static<typeof Explanation>;

/** The answer to a score request. */
export const ScoreAnswer = strict({
  scores: Type.Array(probability("Click probability."), { description: "In the order of the candidates." }),
  calibrated: Type.Optional(
    Type.Array(probability("Probability calibrated by the model's calibrator."), {
      description: "Only if the model has a calibrator.",
    }),
  ),
  ...version,
  ignored: Type.Optional(
    Type.Array(Type.String(), { description: "Paths of members that no field reads, at most 100." }),
  ),
  rank: Type.Optional(
    Type.Array(Type.Integer({ minimum: 1 }), {
      description: "Only if the server explores: each candidate's rank in the drawn order, from 1.",
    }),
  ),
  propensity: Type.Optional(
    Type.Array(probability("Probability that the candidate is ranked first."), {
      description: "Only if the server explores: propensities under its policy. They sum to 1.",
    }),
  ),
  top_k: Type.Optional(
    Type.Array(strict({ index: Type.Integer({ minimum: 0 }), score: probability("The same as in scores.") }), {
      description: "The best candidates, best first; if the server explores, the first of the drawn order.",
    }),
  ),
  explain: Type.Optional(
    Type.Array(Explanation, { description: "For the candidates in their order, or for those in top_k." }),
  ),
});

/** Every error. */
export const ErrorAnswer = strict({
  error: Type.String({ description: "What is wrong, beginning with where." }),
  code: Type.String({ description: "Stable code, for programs." }),
  hint: Type.Optional(Type.String({ description: "How to fix it." })),
});

/** The description of a model. */
export const ModelAnswer = strict({
  ...version,
  label: members("What is predicted: the label of the compiled spec."),
  fields: Type.Array(
    strict({
      name: Type.String(),
      type: Type.String(),
      from: Type.Optional(Type.String({ description: "Dotted path of the member it is read from." })),
      of: Type.Optional(Type.Array(Type.String(), { description: "For a cross: the fields it combines." })),
      missing: Type.String({ description: "How a missing, null or empty member is treated." }),
    }),
  ),
  tables: Type.Array(
    strict({
      name: Type.String(),
      encoding: Type.String(),
      dim: Type.Integer({ minimum: 1 }),
      role: Type.Union([Type.Literal("embedding"), Type.Literal("wide")]),
      fields: Type.Array(Type.String(), { description: "Fields whose values are looked up in it." }),
    }),
  ),
});

export const ModelsAnswer = strict({
  models: Type.Array(strict({ name: Type.String({ description: "Name of the model in requests." }), ...version })),
});
