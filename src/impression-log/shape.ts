import { isoText } from "../core/clock.js";
import { type CompiledSpec, headPaths, type LabelSpec } from "../spec/compiled.js";

/** The part of a spec that decides how its events are written. Plain data for the writing thread. */
export interface Shape {
  /** Paths of all members that are read. */
  readonly paths: readonly string[];
  /** The path at which an event without an id gets one; null: none. */
  readonly id: string | null;
  /** Where an event without a time gets one; null: nowhere. */
  readonly time: LabelSpec["time"];
}

/** A value is not added if a feature would read it: the event would differ from what was scored. */
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

/** A time (milliseconds since 1970) as a JSON value in a spec's unit. */
export function timeText(unit: string, time: number): string {
  const scale: Readonly<Record<string, string>> = {
    s: (time / 1000).toFixed(3),
    ms: String(time),
    us: `${time}000`,
    ns: `${time}000000`,
  };
  return scale[unit] ?? JSON.stringify(isoText(time));
}
