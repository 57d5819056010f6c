import { checkArguments } from "../../core/arguments.js";
import { Batch } from "../../core/batch.js";
import { dateText } from "../../core/clock.js";
import { Decoder } from "../../decode/decoder.js";
import { type KeptRow, keptRows } from "../../decode/kept-rows.js";
import type { SpecWarning } from "../../schema/problems.js";
import { openSource } from "../../sources/source.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { loadSpec } from "../../spec/parse.js";
import type { RejectSample, Warning } from "../metrics/report.js";
import { rejectSamples } from "../rejects/rejects.js";
import { type DecodedBatch, START } from "../stream.js";
import { decodedBatches } from "../text-feed.js";
import { Doubts } from "./doubts.js";
import { type FieldCheck, FieldStats, type SourceField } from "./field-check.js";
import { TimeOrder } from "./time-order.js";

/** What to check. */
export interface CheckOptions {
  /** Path of a model spec, or a compiled one. */
  readonly model: string | CompiledSpec;
  /** As for training: paths, patterns, "-", "simulate:…". */
  readonly data: string | readonly string[];
  /** Events to read, rejected ones included. Default 10,000. */
  readonly rows?: number | undefined;
}

/** What the first events of a stream look like to a model spec. */
export interface CheckReport {
  /** Events read. */
  readonly rows: number;
  /** Events that would be learned. */
  readonly accepted: number;
  /** Events that would be rejected. */
  readonly rejected: number;
  /** How many, by reject code (docs/FORMATS.md). */
  readonly rejected_by_code: Readonly<Record<string, number>>;
  /** By code, the first event rejected with it. */
  readonly rejected_samples: Readonly<Record<string, RejectSample>>;
  /** Statistics of the labels; not collected if they come from clicks (the spec's `join`). */
  readonly label: {
    /** Column, path or namespace it is read from; null: clicks. */
    readonly from: string | null;
    /** Mean label; null without one. */
    readonly positive_rate: number | null;
    /** The most frequent label texts, with their counts. */
    readonly values: readonly { readonly text: string; readonly count: number }[];
  };
  /** Where event times are read from, the earliest and the latest (UTC); null if the spec has none. */
  readonly time: { readonly from: string; readonly first: string | null; readonly last: string | null } | null;
  /** In the order of the spec. */
  readonly fields: readonly FieldCheck[];
  /** Likely problems in the data. */
  readonly warnings: readonly Warning[];
  /** Likely mistakes in the spec, whatever the data. */
  readonly spec_warnings: readonly SpecWarning[];
  /** Nothing was rejected, and there are no warnings about the data. */
  readonly ok: boolean;
}

const ROWS = 10_000;
const CAPACITY = 512;
const MOST_LABELS = 5;

/** Reads the first events as training would, without learning, and summarises them. */
export async function check(options: CheckOptions): Promise<CheckReport> {
  checkArguments("check", options, { model: "spec", data: "files", rows: "?count" });
  const { rows = ROWS } = options;
  const specWarnings: SpecWarning[] = [];
  const onWarning = (warning: SpecWarning) => specWarnings.push(warning);
  const spec = typeof options.model === "string" ? loadSpec(options.model, onWarning) : options.model;
  const data = typeof options.data === "string" ? [options.data] : options.data;
  const look = new Look(spec);
  const reading = { capacity: Math.min(CAPACITY, rows), kept: look.sources, unlabelled: spec.join !== undefined };
  const decoder = new Decoder(spec, reading);
  const source = openSource(data);
  const buffer = () => new ArrayBuffer(decoder.layout.bytes);
  try {
    for await (const decoded of decodedBatches(source, decoder, { start: START, epochs: 1, limit: rows, buffer })) {
      look.add(new Batch(decoder.layout, decoded.rows, decoded.buffer), decoded);
      if (look.rows >= rows) break;
    }
  } finally {
    await source.close();
  }
  return { ...look.report(), spec_warnings: specWarnings };
}

/** What was observed so far. */
class Look {
  /** Sources of values: the label first, unless it comes from clicks. */
  readonly sources: readonly string[];
  private readonly spec: CompiledSpec;
  private readonly doubts: Doubts;
  private readonly order: TimeOrder;
  private readonly fields: readonly { readonly column: number; readonly stats: FieldStats }[];
  private readonly labels = new Map<string, number>();
  private readonly byCode = new Map<string, number>();
  private accepted = 0;
  private rejected = 0;
  private positives = 0;

  constructor(spec: CompiledSpec) {
    const fields = spec.fields.filter((field): field is SourceField => "from" in field);
    this.spec = spec;
    this.doubts = new Doubts(spec);
    this.order = new TimeOrder(spec);
    this.sources = [...new Set([...(spec.join ? [] : [spec.label.from]), ...fields.map(({ from }) => from)])];
    this.fields = fields.map((field) => ({
      column: this.sources.indexOf(field.from),
      stats: new FieldStats(field, spec.events.format),
    }));
  }

  get rows(): number {
    return this.accepted + this.rejected;
  }

  add(batch: Batch, decoded: DecodedBatch): void {
    // Training would fill in labels that are unknown here.
    if (this.spec.join) batch.labels.fill(Number.NaN);
    this.doubts.add(batch, decoded);
    this.order.add(batch);
    this.accepted += batch.rows;
    this.rejected += decoded.rejects.length;
    for (const label of batch.labels) this.positives += label;
    for (const { code } of decoded.rejects) count(this.byCode, code);
    let at = 0;
    for (const row of keptRows(decoded.kept!, this.sources.length))
      if (row.rejected === null) this.addValues(row, batch.labels[at++] === 1);
  }

  report(): Omit<CheckReport, "spec_warnings"> {
    const { label, join } = this.spec;
    const leaks = this.fields.flatMap(({ stats }) => stats.leak ?? []);
    const warnings = [...this.doubts.warnings(), ...this.order.warnings(), ...leaks];
    const { earliest, latest } = this.doubts.times;
    const at = (time: number) => (Number.isFinite(time) ? dateText(time) : null);
    return {
      rows: this.rows,
      accepted: this.accepted,
      rejected: this.rejected,
      rejected_by_code: Object.fromEntries(most(this.byCode)),
      rejected_samples: rejectSamples(this.doubts.samples),
      label: {
        from: join ? null : label.from,
        positive_rate: this.accepted > 0 && !join ? this.positives / this.accepted : null,
        values: most(this.labels)
          .slice(0, MOST_LABELS)
          .map(([text, count]) => ({ text, count })),
      },
      time: label.time && { from: label.time.from, first: at(earliest), last: at(latest) },
      fields: this.fields.map(({ stats }) => stats.result()),
      warnings,
      ok: this.accepted > 0 && this.rejected === 0 && warnings.length === 0,
    };
  }

  private addValues({ values }: KeptRow, positive: boolean): void {
    if (!this.spec.join) count(this.labels, values[0].text);
    for (const { column, stats } of this.fields) stats.add(values[column], positive);
  }
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** In descending order of frequency. */
function most(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([, a], [, b]) => b - a);
}
