import { closed, optional } from "../schema/basics.js";
import type { Problems } from "../schema/problems.js";
import { type Static, Type } from "../schema/typebox.js";
import type { CorrectSpec } from "./compiled.js";
import { milliseconds } from "./durations.js";
import type { ModelSpec } from "./schema.js";

const Age = Type.Union([Type.String({ minLength: 1 }), Type.Number({ minimum: 0 })]);

/** A join's `correct`. */
export const Correct = Type.Object(
  {
    method: optional(
      Type.Enum(["plain", "fnw", "fnc"], {
        default: "fnw",
        description:
          "Compensation for impressions learned first as negatives and later as positives. fnw: events are weighted by the model's prediction (fake negative weighted). fnc: predictions are corrected (fake negative calibration). plain: none.",
      }),
    ),
    ages: Type.Array(Age, {
      minItems: 1,
      maxItems: 16,
      description:
        "Ages of an impression at which late clicks are learned ([2m, 1h, 1d, 7d]); the last one is the window.",
    }),
    wait: optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Number({ minimum: 0 })], {
        description: "plain: the age at which an impression is learned, with its label at that time. Default: at once.",
      }),
    ),
  },
  {
    ...closed,
    description: "Impressions are learned at once as negatives, and again as positives if a click arrives.",
  },
);

/** Resolves a join's `correct`; undefined if absent. */
export function compileCorrect(
  { correct, window }: { readonly correct?: Static<typeof Correct>; readonly window?: string | number },
  problems: Problems,
): CorrectSpec | undefined {
  if (correct === undefined) return undefined;
  const { method = "fnw" } = correct;
  const ages = correct.ages.map((age, i) => milliseconds(`join.correct.ages[${i}]`, age, problems, true));
  if (ages.some((age, i) => i > 0 && age <= ages[i - 1]))
    problems.add("join.correct.ages", "must be in ascending order", "e.g. [2m, 1h, 1d, 7d]");
  if (window !== undefined)
    problems.add(
      "join.window",
      "cannot be used with correct, whose last age is the window",
      "remove it, and make it the last age",
    );
  const wait = milliseconds("join.correct.wait", correct.wait ?? 0, problems);
  if (wait > 0 && wait >= ages[0])
    problems.add(
      "join.correct.wait",
      "must be shorter than the first age",
      "lower it: at an age, clicks after the wait are learned",
    );
  return { method, ages, ...(wait > 0 ? { wait } : {}) };
}

/** Reports options that would bias the predicted probabilities, or that `correct` does not support. */
export function checkCorrect(
  { train, calibration, metrics }: ModelSpec,
  { method, wait }: CorrectSpec,
  problems: Problems,
): void {
  const biased = (path: string, why: string) =>
    problems.add(path, `would bias predictions with method ${method}: ${why}`, "remove it, or set method: plain");
  if (method !== "plain" && wait !== undefined)
    biased("join.correct.wait", "it assumes that every impression was first learned as a negative");
  if (method !== "plain" && (train?.negative_sampling ?? 1) < 1)
    biased("train.negative_sampling", "it assumes one negative per impression, but only some would be learned");
  const apart = "cannot be used with join.correct: scores that wait for labels are kept without their fields";
  if (typeof calibration === "object" && "by" in calibration) problems.add("calibration.by", apart, "remove it");
  if (metrics !== undefined) problems.add("metrics", apart, "remove it; eval --clicks reports it for the final labels");
  if (train?.lanes !== undefined)
    problems.add(
      "train.lanes",
      "cannot be used with join.correct: lanes divide events as they arrive, but late labels are learned again",
      "remove it",
    );
}
