import type { Batch } from "../../core/batch.js";
import { dateText, wallTime } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { unitName } from "../../decode/expected.js";
import { type CompiledSpec, type TimeUnit, timeUnits } from "../../spec/compiled.js";
import type { RejectedRow } from "../rejects/rejects.js";

export const YEAR_2000 = Date.UTC(2000, 0);
const MS_OF_YEAR = 365.25 * 86_400_000;

/** Whether events could plausibly have a time, ms since 1970. @param now by this machine */
export const isPlausible = (time: number, now: number): boolean => time >= YEAR_2000 && time <= latestTime(now);

/** Later event times than this raise a warning. */
export const latestTime = (now: number): number => now + MS_OF_YEAR;

/**
 * The unit in which a number is a plausible time, if there is one: units differ by a factor of a thousand, so there is
 * at most one.
 */
export function unitOf(number: number, now: number): TimeUnit | undefined {
  const units = Object.keys(timeUnits) as TimeUnit[];
  return units.find((unit) => isPlausible((number * 1000) / timeUnits[unit], now));
}

/** How a spec declares a time unit. */
export const saidUnit = (from: string, unit: TimeUnit): string =>
  unit === "ms" ? `time: { from: ${from} }` : `time: { from: ${from}, unit: ${unit} }`;

/** Dates end in the year 275760. */
const yearText = (time: number): string =>
  Math.abs(time) < 8.64e15 ? dateText(time).slice(0, -9) : "a year out of range";

/** Rejects whose value may be a time in another unit; numbers beyond ±1e18 are not seconds. */
const isOfTime = (code: string): boolean => code === "impossible_time" || code === "bad_time";

/** What to write if a rejected time is plausible in another unit. */
export function unitHint(spec: CompiledSpec, { code, value }: RejectedRow, now = wallTime()): string | undefined {
  const { time } = spec.label;
  const unit = isOfTime(code) ? unitOf(Number(value), now) : undefined;
  return time && unit && unit !== time.unit ? `these are ${unitName(unit)}: ${saidUnit(time.from, unit)}` : undefined;
}

/**
 * Refuses a declared unit of event times at the first batch, if most events have a plausible time in another unit and
 * not in this one (before 2000, or after the next year). Milliseconds are the default rather than declared: they only
 * cause a warning.
 */
export class TimeUnitCheck {
  private readonly time: CompiledSpec["label"]["time"];
  private readonly now: number;
  private done = false;

  /** @param now milliseconds since 1970, by this machine */
  constructor({ label }: CompiledSpec, now = wallTime()) {
    this.time = label.time;
    this.now = now;
  }

  /** @throws HashbrookError wrong_time_unit, which names the unit that fits */
  first(batch: Batch, rejects: readonly RejectedRow[]): void {
    const { time, now } = this;
    if (this.done || !time) return;
    const refused = rejects.filter(({ code }) => isOfTime(code)).map(({ value }) => Number(value));
    // A topic's first batch may consist of tombstones, or of rows that are rejected for another reason.
    if (batch.rows === 0 && refused.length === 0) return;
    this.done = true;
    if (time.unit === "ms") return;
    const perSecond = timeUnits[time.unit];
    const numbers = [...Array.from(batch.times, (ms) => (ms / 1000) * perSecond), ...refused];
    const units = numbers.map((number) => unitOf(number, now));
    for (const unit of Object.keys(timeUnits) as TimeUnit[]) {
      const first = numbers[units.indexOf(unit)];
      const count = units.filter((other) => other === unit).length;
      if (unit === time.unit || count * 2 <= numbers.length) continue;
      throw new HashbrookError(
        "wrong_time_unit",
        `${time.from}: as ${unitName(time.unit)} (unit: ${time.unit}) the first events would be from ${yearText((first / perSecond) * 1000)}; as ${unitName(unit)} they are from ${yearText((first / timeUnits[unit]) * 1000)}`,
        { hint: `these are ${unitName(unit)}: write ${saidUnit(time.from, unit)}; nothing was learned` },
      );
    }
  }
}
