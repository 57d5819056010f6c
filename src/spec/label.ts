import type { Problems } from "../schema/problems.js";
import type { LabelSpec } from "./compiled.js";
import { defaults } from "./defaults.js";
import type { ModelSpec } from "./schema.js";
import type { Sources } from "./sources.js";
import { compileTime } from "./time.js";

/** Maximum number of values in a list of positive labels. */
export const MOST_POSITIVES = 64;
const THRESHOLD = /^>=\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)$/;

/** Resolves `label`. */
export function compileLabel(spec: ModelSpec, sources: Sources, problems: Problems): LabelSpec {
  const label = spec.label ?? {};
  if (label.field !== undefined && label.from !== undefined) {
    problems.add("label.from", "field and from have the same meaning, but both are given", "keep one of them");
  }
  const from = label.field ?? label.from ?? defaults.label;
  const time = label.time === undefined ? null : compileTime(label.time, problems, "label.time");
  const { weight = null, oracle = null } = label;
  const id = spec.events.id ?? label.id ?? null;
  const at = (key: string, value: string | null | undefined) => value != null && sources.check(value, `label.${key}`);
  const joined = spec.join !== undefined && label.field === undefined && label.from === undefined;
  if (!joined) at(label.from === undefined ? "field" : "from", from);
  at("weight", weight);
  at(typeof label.time === "string" ? "time" : "time.from", time?.from);
  const key = spec.join?.key;
  key?.forEach((path, i) => {
    sources.check(path, `join.key[${i}]`);
  });
  if (id !== null) sources.check(id, spec.events.id === undefined ? "label.id" : "events.id");
  if (spec.events.id !== undefined && label.id !== undefined)
    problems.add("label.id", "has the same meaning as events.id, but both are given", "keep one of them");
  if (spec.events.id_window !== undefined && id === null)
    problems.add("events.id_window", "requires an id, but none is given", "add events.id, or remove id_window");
  if (label.soft && label.positive !== undefined)
    problems.add(
      "label.positive",
      "has no effect with a soft label, which is a probability",
      "remove it, or remove soft",
    );
  at("oracle", oracle);
  return {
    from,
    positive: compilePositives(label.positive ?? defaults.positive, problems),
    ...(label.soft ? { soft: true } : {}),
    weight,
    time,
    id,
    ...(key === undefined ? {} : { key }),
    ...(id === null ? {} : { id_window: spec.events.id_window ?? defaults.id_window }),
    ...(label.prior === undefined ? {} : { prior: label.prior }),
    oracle,
  };
}

/** One positive value, or a list; with a list, any other label is a negative. */
function compilePositives(
  written: NonNullable<NonNullable<ModelSpec["label"]>["positive"]>,
  problems: Problems,
): LabelSpec["positive"] {
  if (!Array.isArray(written)) return compilePositive(String(written), problems);
  const positives = [...new Set(written.map(String))];
  for (const [i, positive] of positives.entries())
    if (/^[<>=!]/.test(positive))
      problems.add(
        `label.positive[${i}]`,
        `${JSON.stringify(positive)}: a threshold cannot be part of a list`,
        'write positive: ">= 4", or a list of values',
      );
  return { any_of: positives };
}

function compilePositive(positive: string, problems: Problems): LabelSpec["positive"] {
  if (!/^[<>=!]/.test(positive)) return { equals: positive };
  const threshold = Number(THRESHOLD.exec(positive)?.[1] ?? Number.NaN);
  if (!Number.isFinite(threshold)) {
    problems.add(
      "label.positive",
      `${JSON.stringify(positive)} is neither a value nor a threshold`,
      'e.g. positive: "1" or positive: ">= 4"',
    );
  }
  return { at_least: threshold };
}
