import { closed, text } from "../schema/basics.js";
import type { Problems } from "../schema/problems.js";
import { type Static, Type } from "../schema/typebox.js";
import { keyedProblem } from "./calibration.js";
import type { CompiledSpec, MetricsSpec } from "./compiled.js";

/** A spec's `metrics`. */
export const Metrics = Type.Object(
  {
    group: text(
      "A categorical field, such as a user's id: AUC is also computed within the events of each of its values. It needs a table, or `wide`.",
    ),
  },
  { ...closed, description: "Additional metrics; they do not affect what is learned." },
);

/** In a compiled spec. */
export const CompiledMetrics = Type.Object({ group: Type.String({ minLength: 1 }) }, closed);

/** Resolves `metrics`; nothing if absent. */
export function compileMetrics(
  written: Static<typeof Metrics> | undefined,
  compiled: Pick<CompiledSpec, "fields" | "tables">,
  problems: Problems,
): { metrics?: MetricsSpec } {
  if (written === undefined) return {};
  const wrong = keyedProblem(written.group, compiled);
  if (wrong) problems.add("metrics.group", ...wrong);
  return { metrics: { group: written.group } };
}
