import { fieldOf } from "../fields/index.js";
import { closed, optional, text, whole } from "../schema/basics.js";
import { listed, type Problems, suggestion } from "../schema/problems.js";
import { type Static, Type } from "../schema/typebox.js";
import type { CalibrationSpec, CompiledSpec, CompiledTable } from "./compiled.js";
import { defaults } from "./defaults.js";

const calibrationMethods = ["isotonic", "platt"] as const;
const { slices, half_life } = defaults.calibration;
const MOST_SLICES = 1000;

const method = (description: string) =>
  Type.Enum([...calibrationMethods], { default: defaults.calibration.method, description });

/** A spec's `calibration`. */
export const Calibration = Type.Union(
  [
    method("isotonic: a monotonic curve. platt: a linear function of the logit. With default options."),
    Type.Object(
      {
        method: optional(method("isotonic: a monotonic curve. platt: a linear function of the logit.")),
        by: optional(text("A categorical field whose values have separate curves; it needs a table, or `wide`.")),
        slices: whole(
          "With `by`: maximum number of values with separate curves, in order of first appearance; other values share the curve of all events.",
          slices,
          MOST_SLICES,
        ),
        half_life: optional(
          Type.Integer({
            minimum: 100,
            maximum: 2 ** 40,
            default: half_life,
            description: "Half-life of an event in its slice, in events.",
          }),
        ),
      },
      closed,
    ),
  ],
  {
    description:
      "Calibrated probabilities in addition to the raw ones, fitted to progressive scores (each made before its event was learned).",
  },
);

/** In a compiled spec. */
export const CompiledCalibration = Type.Object(
  {
    method: Type.Enum([...calibrationMethods]),
    by: Type.Optional(Type.String({ minLength: 1 })),
    slices: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_SLICES })),
    half_life: Type.Integer({ minimum: 100, maximum: 2 ** 40 }),
  },
  closed,
);

/** Resolves `calibration`; nothing if absent. */
export function compileCalibration(
  written: Static<typeof Calibration> | undefined,
  compiled: Pick<CompiledSpec, "fields" | "tables">,
  problems: Problems,
): { calibration?: CalibrationSpec } {
  if (written === undefined) return {};
  const given = typeof written === "string" ? { method: written } : written;
  const { method = defaults.calibration.method, by } = given;
  const rest = { method, half_life: given.half_life ?? half_life };
  if (by === undefined) {
    if (given.slices !== undefined)
      problems.add("calibration.slices", "has no effect without `by`", "add `by`, or remove it");
    return { calibration: rest };
  }
  const wrong = keyedProblem(by, compiled);
  if (wrong) problems.add("calibration.by", ...wrong);
  return { calibration: { ...rest, by, slices: given.slices ?? slices } };
}

/** What is wrong with a field whose keys should distinguish events, and how to fix it. */
export function keyedProblem(
  by: string,
  { fields, tables }: Pick<CompiledSpec, "fields" | "tables">,
): [what: string, remedy: string] | undefined {
  const keyed = fields.map(({ name }) => name).filter((name) => hasKeys(tables, name));
  const field = fields.find(({ name }) => name === by);
  if (!field) return [`"${by}" is not a field`, suggestion(by, keyed)];
  if (keyed.includes(by)) return undefined;
  if (fieldOf(field.type).cell === "single") return [`no table embeds "${by}"`, "give it a table, or name it in wide"];
  return [`"${by}" has no single value`, keyed.length > 0 ? `use one of ${listed(keyed)}` : "use a categorical field"];
}

/** Whether batches have one key per row for this field. */
export function hasKeys(tables: readonly CompiledTable[], name: string): boolean {
  return tables.some(({ cells }) => cells.some(({ field, kind }) => field === name && kind === "single"));
}
