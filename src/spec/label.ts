import type { Problems } from "../schema/problems.js";
import type { LabelSpec } from "./compiled.js";
import { defaults } from "./defaults.js";
import type { ModelSpec } from "./schema.js";
import type { Sources } from "./sources.js";
import { compileTime } from "./time.js";

/** Maximum number of values in a list of positive labels. */
export const MOST_POSITIVES = 64;
/** A comparison with a number, unlike the text `>50K`. */
const COMPARISON = /^[<>=!]+\s*[-+]?\.?\d[\d.]*(?:[eE][-+]?\d+)?$/;
const THRESHOLD = /^>=\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)$/;

/** Resolves `label`. */
export function compileLabel(spec: ModelSpec, sources: Sources, problems: Problems): LabelSpec {
  const label = spec.label ?? {};
  const { weight = null, oracle = null } = label;
  const time = label.time === undefined ? null : compileTime(label.time, problems, "label.time");
  const id = spec.events.id ?? label.id ?? null;
  checkKeys(spec, problems);
  checkSources(spec, sources, time);
  return {
    from: columnOf(label),
    positive: compilePositives(label.positive ?? defaults.positive, problems),
    ...(label.soft ? { soft: true } : {}),
    weight,
    time,
    id,
    ...(spec.join?.key === undefined ? {} : { key: spec.join.key }),
    ...(id === null ? {} : { id_window: spec.events.id_window ?? defaults.id_window }),
    ...(label.prior === undefined ? {} : { prior: label.prior }),
    oracle,
  };
}

type WrittenLabel = NonNullable<ModelSpec["label"]>;

const columnOf = ({ field, from }: WrittenLabel): string => field ?? from ?? defaults.label;

/** Reports keys that contradict each other, and those without effect. */
function checkKeys({ label = {}, events }: ModelSpec, problems: Problems): void {
  if (label.field !== undefined && label.from !== undefined)
    problems.add("label.from", "field and from have the same meaning, but both are given", "keep one of them");
  if (events.id !== undefined && label.id !== undefined)
    problems.add("label.id", "has the same meaning as events.id, but both are given", "keep one of them");
  if (events.id_window !== undefined && events.id === undefined && label.id === undefined)
    problems.add("events.id_window", "requires an id, but none is given", "add events.id, or remove id_window");
  if (label.soft && label.positive !== undefined)
    problems.add(
      "label.positive",
      "has no effect with a soft label, which is a probability",
      "remove it, or remove soft",
    );
}

/** Reports columns that events cannot have. */
function checkSources({ label = {}, events, join }: ModelSpec, sources: Sources, time: LabelSpec["time"]): void {
  const check = (path: string, from: string | undefined) => {
    if (from !== undefined) sources.check(from, path);
  };
  const comesFromClicks = join !== undefined && label.field === undefined && label.from === undefined;
  if (!comesFromClicks) check(label.from === undefined ? "label.field" : "label.from", columnOf(label));
  check("label.weight", label.weight);
  check(typeof label.time === "string" ? "label.time" : "label.time.from", time?.from);
  for (const [i, path] of (join?.key ?? []).entries()) check(`join.key[${i}]`, path);
  if (events.id === undefined) check("label.id", label.id);
  else check("events.id", events.id);
  check("label.oracle", label.oracle);
}

/** One positive value, or a list; with a list, any other label is a negative. */
function compilePositives(written: NonNullable<WrittenLabel["positive"]>, problems: Problems): LabelSpec["positive"] {
  if (!Array.isArray(written)) return compilePositive(String(written), problems);
  const positives = [...new Set(written.map(String))];
  for (const [i, positive] of positives.entries())
    if (COMPARISON.test(positive))
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
      'e.g. positive: "1" or positive: ">= 4"; a text that begins so is written in a list: positive: [">50K"]',
    );
  }
  return { at_least: threshold };
}
