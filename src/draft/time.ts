import { wallTime } from "../core/clock.js";
import type { Facts } from "./column.js";

/** Milliseconds per unit. */
const UNITS = { s: 1e3, ms: 1, us: 1e-3, ns: 1e-6 } as const;
type Unit = keyof typeof UNITS;

/** The column of event times. */
export interface DraftTime {
  readonly from: string;
  /** The unit of numbers; null: dates. */
  readonly unit: Unit | null;
  /** True if no event is earlier than the one before it. */
  readonly ascends: boolean;
}

const DATE = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s?(Z|UTC|[+-]\d\d:?\d\d)?)?$/;
const NAMED = /(^|[_.\s]|[a-z](?=[A-Z]))(time|timestamp|ts|date|datetime|at|when)(_?(s|ms|us|ns))?$/i;
/** Numbers of any size: nanoseconds are beyond 2^53, where numbers are taken for ids. */
const DIGITS = /^\d{1,19}$/;
const EARLIEST = Date.UTC(1995, 0);
const YEAR_MS = 366 * 86_400_000;

/** Finds the first column that has a time in every event: a date, or a number since 1970 in one of the units. */
export function timeOf(columns: readonly Facts[]): DraftTime | null {
  for (const facts of columns) {
    const { from, values, present, shape, distinct } = facts;
    if (present < values.length || distinct < 2 || shape === "list" || shape === "vector") continue;
    const isNumber = shape === "number" || values.every((value) => DIGITS.test(String(value)));
    const unit = isNumber ? unitOf(facts) : null;
    if (unit === undefined || (unit === null && !values.every((value) => DATE.test(String(value))))) continue;
    const times = values.map((value) => (unit ? Number(value) : Date.parse(String(value))));
    return { from, unit, ascends: times.every((time, row) => row === 0 || time >= times[row - 1]) };
  }
  return null;
}

/**
 * The unit of numbers that are named like a time or, if they are not ids beyond 2^53, increase from event to event;
 * undefined: they are not times.
 */
function unitOf({ from, shape, values }: Facts): Unit | undefined {
  const numbers = Float64Array.from(values, Number);
  const sorted = numbers.toSorted();
  const ascends = shape === "number" && numbers.every((value, i) => value === sorted[i]);
  if (!NAMED.test(from) && !ascends) return undefined;
  const fits = (ms: number) => sorted[0] * ms >= EARLIEST && sorted[sorted.length - 1] * ms <= wallTime() + YEAR_MS;
  return (Object.keys(UNITS) as Unit[]).find((unit) => fits(UNITS[unit]));
}
