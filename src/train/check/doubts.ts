import type { Batch } from "../../core/batch.js";
import { dateText, wallTime } from "../../core/clock.js";
import { grouped } from "../../core/digits.js";
import type { Constant, Findings } from "../../decode/decoder.js";
import { unitName } from "../../decode/expected.js";
import { type CompiledSpec, positiveNumber, type TimeSpec, timeUnits } from "../../spec/compiled.js";
import type { Warning } from "../metrics/report.js";
import { rejectHint } from "../rejects/hint.js";
import type { RejectedRow } from "../rejects/rejects.js";
import { rejectText } from "../rejects/rejects.js";
import { latestTime, saidUnit, unitOf, YEAR_2000 } from "./time-unit.js";

/** Number of events, including rejected ones, after which warnings are first given. */
const FIRST_ROWS = 1000;
/** Minimum number of events for a warning. */
const LEAST_ROWS = 10;

const LABEL_HINT = "check label.positive, and that the events are in the order of time";
const JOIN_HINT =
  "check that clicks refer to impressions as `label` says, that the times of both have the same unit, and that --clicks names the right data";

const NO_EVENTS: Warning = {
  code: "no_events",
  field: null,
  message: "no event was read: the data are empty",
  hint: "did the command that makes them fail, or does --from begin behind the topic's messages? Nothing was learned or scored",
};

/** The parts of a batch and its metadata that are examined. */
interface Piece {
  readonly rejects: readonly RejectedRow[];
  readonly findings: Findings;
}

/**
 * Detects events that can be read but make no sense: one class only, fields that are always missing or constant,
 * impossible times, mostly rejects. The first events are all examined, later ones only as far as that costs nothing.
 */
export class Doubts {
  private readonly spec: CompiledSpec;
  private readonly now: number;
  private readonly firsts = new Map<string, RejectedRow>();
  private rows = 0;
  private rejected = 0;
  private positives = 0;
  private labelled = 0;
  private earliest = Number.POSITIVE_INFINITY;
  private latest = Number.NEGATIVE_INFINITY;
  private findings: Findings = { constants: [], labels: [] };

  /** @param now milliseconds since 1970, by this machine */
  constructor(spec: CompiledSpec, now = wallTime()) {
    this.spec = spec;
    this.now = now;
  }

  add(batch: Batch, { rejects, findings }: Piece): void {
    const early = !this.ripe;
    this.rows += batch.rows;
    this.rejected += rejects.length;
    this.findings = findings;
    for (const reject of rejects) if (!this.firsts.has(reject.code)) this.firsts.set(reject.code, reject);
    this.addLabels(batch.labels);
    if (this.spec.label.time) this.addTimes(early ? batch.times : batch.times.subarray(0, 1));
  }

  /** Whether enough was seen to give warnings before the end. */
  get ripe(): boolean {
    return this.rows + this.rejected >= FIRST_ROWS;
  }

  /** Milliseconds since 1970; not finite if there were none. */
  get times(): { readonly earliest: number; readonly latest: number } {
    return { earliest: this.earliest, latest: this.latest };
  }

  /** The first rejected event of every code. */
  get samples(): ReadonlyMap<string, RejectedRow> {
    return this.firsts;
  }

  /** True if there were events, and none of them could be read. */
  get hopeless(): boolean {
    return this.rows === 0 && this.rejected > 0;
  }

  /**
   * Warnings about the events so far, in the order: rejects, label, time, fields.
   * @param none the data have ended without any event
   */
  warnings(none = false): Warning[] {
    if (none) return [NO_EVENTS];
    if (this.rows + this.rejected < LEAST_ROWS) return [];
    const found = [...this.rejectWarnings()];
    if (this.rows < LEAST_ROWS) return found;
    return [...found, ...this.labelWarnings(), ...this.timeWarnings(), ...this.fieldWarnings()];
  }

  private addLabels(labels: Float32Array): void {
    if (this.positives > 0 && this.positives < this.labelled) return;
    for (const label of labels) {
      if (Number.isNaN(label)) continue;
      this.labelled++;
      this.positives += label;
    }
  }

  private addTimes(times: Float64Array): void {
    for (const time of times) {
      // 0: no time was requested, or given.
      if (time === 0) continue;
      this.earliest = Math.min(this.earliest, time);
      this.latest = Math.max(this.latest, time);
    }
  }

  private *rejectWarnings(): Generator<Warning> {
    const all = this.rows + this.rejected;
    if (this.rejected * 2 <= all) return;
    const [first] = this.firsts.values();
    const share = `${grouped(this.rejected)} of ${grouped(all)} events were rejected`;
    yield {
      code: "mostly_rejected",
      field: first.column || null,
      message: `${share}, the first: ${rejectText(first)}`,
      hint:
        rejectHint(this.spec, first, this.now) ??
        "check that the spec's `events` and `label` match the data: hashbrook check shows what is read",
    };
  }

  private *labelWarnings(): Generator<Warning> {
    const { label } = this.spec;
    if (this.labelled === 0 || (this.positives > 0 && this.positives < this.labelled)) return;
    const all = `all ${grouped(this.labelled)} labels are`;
    const seen = this.findings.labels.map((text) => JSON.stringify(text)).join(", ");
    const like = seen ? `, such as ${seen}` : "";
    yield {
      code: "one_class",
      field: label.from,
      message:
        this.positives === 0
          ? `${label.from}: ${all} negative${label.soft ? "" : `: none is ${positiveText(this.spec)}`}${like}`
          : `${label.from}: ${all} positive${like}`,
      hint: `a model that sees one class always predicts it: ${this.spec.join ? JOIN_HINT : LABEL_HINT}`,
    };
  }

  private *timeWarnings(): Generator<Warning> {
    const { time } = this.spec.label;
    const nextYear = latestTime(this.now);
    if (!time || this.earliest > this.latest) return;
    const span = `${time.from}: event times from ${dateText(this.earliest)} to ${dateText(this.latest)}`;
    const hint = this.timeHint(time);
    if (this.earliest < YEAR_2000)
      yield { code: "time_before_2000", field: time.from, message: `${span}, before 2000`, hint };
    if (this.latest > nextYear)
      yield { code: "time_in_future", field: time.from, message: `${span}, after the next year`, hint };
  }

  private timeHint({ from, unit }: TimeSpec): string {
    const number = (this.earliest / 1000) * timeUnits[unit];
    const fitting = unitOf(number, this.now);
    if (fitting && fitting !== unit) return `these are ${unitName(fitting)}: ${saidUnit(from, fitting)}`;
    const digits = String(unit === "s" ? this.earliest / 1000 : this.earliest);
    const date = compactDate(digits);
    if (date) return `${digits} looks like a date: write it as ISO 8601 in the data, ${date}`;
    const said =
      unit === "ms"
        ? `milliseconds (the default; else time: { from: ${from}, unit: s })`
        : `${unitName(unit)} (unit: ${unit})`;
    return `check that ${from} is the event's time: the spec expects a number since 1970, in ${said}, or an ISO 8601 date`;
  }

  private *fieldWarnings(): Generator<Warning> {
    const { fields } = this.spec;
    const rows = `all ${grouped(this.rows)} events`;
    for (const field of fields) {
      if (!("from" in field)) continue;
      const constant = this.findings.constants.find(({ column }) => column === field.from);
      const name = field.from === field.name ? field.name : `${field.name} (${field.from})`;
      if (!constant) continue;
      yield constant.value === ""
        ? { code: "always_missing", field: field.name, message: `${name}: missing in ${rows}`, hint: missing(constant) }
        : {
            code: "constant_field",
            field: field.name,
            message: `${name}: the same value in ${rows}: ${JSON.stringify(constant.value)}`,
            hint: "a constant field carries no information: check that it is the right one",
          };
    }
  }
}

function missing({ column, near }: Constant): string {
  if (near === column) return "events have it, but null or empty: check that it is the right one";
  return near === null ? `check that "${column}" is where events have the value` : `did you mean "${near}"?`;
}

function positiveText({ label: { positive } }: CompiledSpec): string {
  if ("at_least" in positive) return `>= ${positive.at_least}`;
  if ("any_of" in positive) return positive.any_of.join(" or ");
  return positiveNumber(positive) === undefined ? `the text ${JSON.stringify(positive.equals)}` : positive.equals;
}

/** `14102100` (YYMMDDHH), `20141021` (YYYYMMDD), `2014102100`, `201410210059`, `20141021005959` as ISO 8601; undefined: no such date. */
function compactDate(digits: string): string | undefined {
  for (const text of digits.length === 8 ? [digits, `20${digits}`] : digits.length >= 10 ? [digits] : []) {
    const [, year, month, day, ...clock] = /^(20\d\d)(\d\d)(\d\d)(\d\d)?(\d\d)?(\d\d)?$/.exec(text) ?? [];
    const [hour, minute, second] = clock;
    const time = hour && `T${hour}:${minute ?? "00"}${second ? `:${second}` : ""}`;
    const iso = `${year}-${month}-${day}${time ?? ""}`;
    if (year && Number.isFinite(Date.parse(`${iso}${time ? "Z" : ""}`))) return iso;
  }
  return undefined;
}
