import { aboveZero, optional, whole } from "../../schema/basics.js";
import { aboveZero as positive, rows } from "../../schema/compiled.js";
import { Type } from "../../schema/typebox.js";
import { exactBytes } from "../../tables/bytes.js";
import { nesting, type Own } from "../kind.js";

const defaults = { hotness: "gradient", threshold: 2, decay: 0.99, decay_steps: 100 } as const;
const hotness = ["gradient", "frequency"] as const;
/** The cold part's share of the budget, by default. */
const COLD_SHARE = 0.7;
/** Bytes per id in the sketch, and per hot row for its score. */
const SKETCH_BYTES = 16;
const SCORE_BYTES = 4;

const source = {
  hotness: optional(
    Type.Enum(hotness, { default: defaults.hotness, description: "The quantity that is summed to an id's score." }),
  ),
  threshold: optional(aboveZero("Minimum score of a hot id.", defaults.threshold)),
  decay: optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: defaults.decay,
      description: "Factor by which scores are multiplied every decay_steps batches.",
    }),
  ),
  decay_steps: whole("Number of batches between two multiplications by decay.", defaults.decay_steps),
  sketch_rows: whole("Number of cold ids whose scores are kept in a sketch. Default: the same as rows."),
};

const compiled = {
  hotness: Type.Enum(hotness),
  /** Score from which ids are hot. */
  threshold: positive,
  /** Scores are multiplied by this every `decay_steps` batches. */
  decay: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
  decay_steps: rows,
  /** Ids the sketch can hold. */
  sketch_rows: rows,
};

export type HotColdOptions = Own<typeof compiled, "cold">;

/** CAFE (Zhang et al. 2024): hot ids own one of `rows` rows, the others are encoded by `cold`. */
export const hotCold = nesting({
  description: "hot ids have one of `rows` rows each, the others share rows",
  rows: "fixed",
  timed: true,
  source,
  compiled,
  inner: { option: "cold", encoding: "shared", description: "cold ids" },
  compile({ cold = {}, sketch_rows = 0, ...knobs }, context) {
    return { ...defaults, ...knobs, sketch_rows, cold: context.inner(cold, COLD_SHARE) };
  },
  sized: (own, rows) => ({ rows, own: { ...own, sketch_rows: own.sketch_rows || rows } }),
  bytes: ({ sketch_rows, cold }, spec, inner) =>
    exactBytes(spec) + spec.rows * SCORE_BYTES + sketch_rows * SKETCH_BYTES + inner(cold),
  async create(spec, own, options, encode) {
    const { createHotCold } = await import("./hot_cold.js");
    return createHotCold(spec, own, options, encode);
  },
});
