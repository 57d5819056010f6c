import type { CompiledSpec } from "../../spec/compiled.js";
import { unitHint } from "../check/time-unit.js";
import type { RejectedRow } from "./rejects.js";

/**
 * What to do about a rejected event; undefined: it is not clear from the event alone. @param now ms since 1970, by this
 * machine
 */
export function rejectHint(spec: CompiledSpec, reject: RejectedRow, now?: number): string | undefined {
  return unitHint(spec, reject, now) ?? clicksHint(spec, reject);
}

/** For impressions that were taken for labelled events. */
function clicksHint({ join, label }: CompiledSpec, { code, column, value }: RejectedRow): string | undefined {
  const unlabelled = join && code === "bad_label" && column === label.from && !value;
  return unlabelled ? "impressions get their labels from clicks: add --clicks FILES" : undefined;
}
