import type { Problems } from "../schema/problems.js";
import type { Static } from "../schema/typebox.js";
import type { TimeSpec } from "./compiled.js";
import { defaults } from "./defaults.js";
import type { Time } from "./schema-events.js";

/** The largest UTC offset of a zone, in minutes. */
export const MOST_ZONE = 23 * 60 + 59;

/** Resolves the source of a time, its unit and its zone, at `path` of the spec. */
export function compileTime(written: Static<typeof Time>, problems: Problems, path: string): TimeSpec {
  const time = typeof written === "string" ? { from: written } : written;
  const zone = time.zone === undefined ? 0 : zoneOf(time.zone, problems, `${path}.zone`);
  return { from: time.from, unit: time.unit ?? defaults.time_unit, ...(zone === 0 ? {} : { zone }) };
}

/** Minutes ahead of UTC: `UTC`, `Z`, `+05:30`, `-0800`, `+02`. */
function zoneOf(written: string, problems: Problems, path: string): number {
  if (/^(?:utc|gmt|z)$/i.test(written)) return 0;
  const [, sign, hours, minutes = "0"] = /^([+-])(\d\d)(?::?(\d\d))?$/.exec(written) ?? [];
  const ahead = Number(hours) * 60 + Number(minutes);
  if (sign !== undefined && ahead <= MOST_ZONE && Number(minutes) < 60) return sign === "-" ? -ahead : ahead;
  const named = /^[A-Za-z]/.test(written);
  problems.add(
    path,
    named
      ? `${JSON.stringify(written)} is a named zone, whose offset depends on the machine's time zone data`
      : `${JSON.stringify(written)} is not a time zone`,
    named
      ? 'give a fixed offset ("+02:00") or UTC, or write the offset into the data'
      : 'write UTC, or an offset: "+02:00"',
  );
  return 0;
}
