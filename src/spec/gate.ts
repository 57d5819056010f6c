import { closed, optional } from "../schema/basics.js";
import type { Problems } from "../schema/problems.js";
import { suggestion } from "../schema/problems.js";
import { type Static, Type } from "../schema/typebox.js";
import type { CompiledSpec, GateBound, GateSpec } from "./compiled.js";
import { defaults } from "./defaults.js";

const gateActions = ["hold", "side", "halt"] as const;
const { action, window, warmup, sigmas } = defaults.gate;

const actionOf = () =>
  Type.Enum([...gateActions], {
    default: action,
    description:
      "What a breach does besides holding publication. hold: training continues. side: training continues, but its checkpoints are not served. halt: the run ends.",
  });
const bound = (description: string) =>
  optional(
    Type.Union([Type.Number({ description }), Type.Array(Type.Number(), { minItems: 2, maxItems: 2, description })], {
      description: `${description} A number is the maximum; [least, most] is a range.`,
    }),
  );
const rates = {
  missing: bound("Share of events without a value."),
  unseen: bound("Share of values that did not occur in earlier windows."),
};

/** A spec's `gate`. */
export const Gate = Type.Union(
  [
    actionOf(),
    Type.Object(
      {
        action: optional(actionOf()),
        window: optional(
          Type.Integer({
            minimum: 100,
            maximum: 10_000_000,
            default: window,
            description: "Minimum number of events per window.",
          }),
        ),
        warmup: optional(
          Type.Integer({
            minimum: 2,
            maximum: 10_000,
            default: warmup,
            description: "Number of windows before learned bounds apply.",
          }),
        ),
        sigmas: optional(
          Type.Number({
            minimum: 0,
            maximum: 1000,
            default: sigmas,
            description:
              "Distance of learned bounds from the mean of earlier windows, in standard deviations; 0: only explicit bounds apply.",
          }),
        ),
        bounds: optional(
          Type.Object(
            {
              reject_rate: bound("Share of events that are rejected."),
              label_rate: bound("Share of positives, by weight."),
              calibration: bound("Predicted ÷ actual positives, of progressive scores."),
              normalized_entropy: bound(
                "Log loss ÷ that of always predicting the window's rate, of progressive scores.",
              ),
              slice_calibration: bound(
                "Recent calibrated ÷ actual positives, of every slice of `calibration.by` with at least 100 positives.",
              ),
              ...rates,
            },
            { ...closed, description: "Bounds of all events, and of every field." },
          ),
        ),
        fields: optional(
          Type.Record(
            Type.String(),
            Type.Object(
              {
                ...rates,
                mean: bound("Mean of a number, after log1p if that is its transform."),
                spread: bound("Standard deviation of a number, after log1p if that is its transform."),
              },
              closed,
            ),
            { description: "Bounds of fields, by name." },
          ),
        ),
      },
      closed,
    ),
  ],
  {
    description:
      "Monitors training: if a signal leaves its bounds, nothing more is published until `hashbrook publish`.",
  },
);

/** In a compiled spec. */
export const CompiledGate = Type.Object(
  {
    action: Type.Enum([...gateActions]),
    window: Type.Integer({ minimum: 1 }),
    warmup: Type.Integer({ minimum: 1 }),
    sigmas: Type.Number({ minimum: 0 }),
    bounds: Type.Record(
      Type.String(),
      Type.Object({ least: Type.Optional(Type.Number()), most: Type.Optional(Type.Number()) }, closed),
    ),
  },
  closed,
);

/** Resolves `gate`; nothing if absent. */
export function compileGate(
  written: Static<typeof Gate> | undefined,
  { fields, calibration }: Pick<CompiledSpec, "fields" | "calibration">,
  problems: Problems,
): { gate?: GateSpec } {
  if (written === undefined) return {};
  const given = typeof written === "string" ? { action: written } : written;
  const bounds: Record<string, GateBound> = {};
  const put = (name: string, path: string, range: number | readonly number[] | undefined) => {
    if (range === undefined) return;
    const [least, most] = typeof range === "number" ? [undefined, range] : range;
    if (least !== undefined && least > most)
      problems.add(path, `minimum ${least} exceeds maximum ${most}`, "write [minimum, maximum]");
    bounds[name] = { ...(least === undefined ? {} : { least }), most };
  };
  for (const [name, range] of Object.entries(given.bounds ?? {})) put(name, `gate.bounds.${name}`, range);
  if (given.bounds?.slice_calibration !== undefined && calibration?.by === undefined)
    problems.add(
      "gate.bounds.slice_calibration",
      "has no effect without calibration slices",
      "add calibration: { by: FIELD }, or remove it",
    );
  const names = fields.map(({ name }) => name);
  for (const [field, own] of Object.entries(given.fields ?? {})) {
    if (!names.includes(field))
      problems.add(`gate.fields.${field}`, `"${field}" is not a field`, suggestion(field, names));
    for (const [name, range] of Object.entries(own)) put(`${name}(${field})`, `gate.fields.${field}.${name}`, range);
  }
  const { action: what = action, window: events = window, warmup: first = warmup, sigmas: far = sigmas } = given;
  return { gate: { action: what, window: events, warmup: first, sigmas: far, bounds } };
}
