import { isoText } from "../core/clock.js";
import { type CompiledSpec, headPaths, type LabelSpec } from "../spec/compiled.js";

/** What of a spec decides how its events are written. Plain data: it goes to the thread that writes. */
export interface Shape {
  /** Paths of all members that are read. */
  readonly paths: readonly string[];
  /** Where an event without an id gets one; null: nowhere. */
  readonly id: string | null;
  /** Where an event without a time gets one; null: nowhere. */
  readonly time: LabelSpec["time"];
}

/** Where a feature reads what would be added, it is not: the event would not be what was scored. */
export function shapeOf({ label, fields }: CompiledSpec): Shape {
  const features = fields.flatMap((field) => ("from" in field ? [field.from] : []));
  const free = (path: string) => features.every((other) => !overlap(path, other));
  return {
    paths: [...new Set([...headPaths(label), ...features])],
    id: label.id !== null && free(label.id) ? label.id : null,
    time: label.time && free(label.time.from) ? label.time : null,
  };
}

const overlap = (a: string, b: string) => a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);

/** A time (milliseconds since 1970) as a JSON value of a spec's unit. */
export function timeText(unit: string, time: number): string {
  const scale: Readonly<Record<string, string>> = {
    s: (time / 1000).toFixed(3),
    ms: String(time),
    us: `${time}000`,
    ns: `${time}000000`,
  };
  return scale[unit] ?? JSON.stringify(isoText(time));
}
