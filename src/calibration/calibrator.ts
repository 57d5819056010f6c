import type { Batch } from "../core/batch.js";
import { type Block, bytesOf, type SavedBlocks, savedBytes, savedNumbers } from "../core/blocks.js";
import { keepOf } from "../core/half-life.js";
import type { CalibrationState } from "../delta-log/state.js";
import { sigmoid } from "../metrics/kernel.js";
import type { Span } from "../metrics/split.js";
import type { CalibrationSpec, CompiledSpec } from "../spec/compiled.js";
import { type KeyColumn, keyColumn, keyHalves } from "../spec/key-column.js";
import { type Curve, curvesIn, type ValueAt, valueOfKnots, valueOfLine } from "./curve.js";
import { isotonic } from "./isotonic.js";
import { platt } from "./platt.js";
import { SLICE, Slice, type Totals } from "./slice.js";
import { SliceIndex } from "./slice-index.js";
import { MOST_NAME, sliceNames } from "./slice-names.js";

const KEYS = "calibration/keys";
const SLICES = "calibration/slices";
const NAMES = "calibration/names";
/** Number of f64 per slice that a replica gets beside its curve: `Totals`. */
const TOTALS = 5;

/** How well a slice's recent predictions were calibrated. */
export interface SliceReport {
  /**
   * The field's value (its key as 16 hex digits if the value is not known, "VALUE… KEY" if the text may be that of several
   * values: its first 64 characters for example); null: all events.
   */
  readonly slice: string | null;
  /** Number of events, decayed: those of `half_life` events ago count half. */
  readonly events: number;
  /** Positives among them, weighted. */
  readonly actual: number;
  /** How many events of the slice's mean weight that is. */
  readonly positives: number;
  /** Sum of raw probabilities ÷ positives; null without positives. */
  readonly raw: number | null;
  /** The same for calibrated probabilities. */
  readonly calibrated: number | null;
}

/**
 * Learns from progressive scores how probable a click really is at a score, over all events and for values of a field, and
 * corrects scores accordingly. Its curves depend on its sums alone, not on when they were requested.
 */
export class Calibrator {
  private readonly spec: CalibrationSpec;
  private readonly growth: number;
  private readonly valueAt: ValueAt;
  /** Where a batch has the field's key; null: all events share one curve. */
  private readonly column: KeyColumn | null;
  private readonly index: SliceIndex;
  private names: string[] = [];
  /** Texts of values that have no slice yet. */
  private named = new Map<bigint, string>();
  /** Sums by slice; none in a replica. */
  private slices: Slice[] = [new Slice()];
  /** Curves by slice; undefined: computed from the sums on demand. */
  private curves: (Curve | undefined)[] = [];
  /** In a replica: the trainer's totals of its slices. */
  private told: readonly Totals[] | null = null;

  private constructor(spec: CalibrationSpec, column: KeyColumn | null) {
    this.spec = spec;
    this.growth = 1 / keepOf(spec.half_life);
    this.valueAt = spec.method === "platt" ? valueOfLine : valueOfKnots;
    this.column = column;
    this.index = new SliceIndex(spec.slices ?? 0);
  }

  /** null if the spec has no calibration. */
  static of(spec: CompiledSpec): Calibrator | null {
    const { calibration } = spec;
    if (!calibration) return null;
    return new Calibrator(calibration, calibration.by === undefined ? null : keyColumn(spec, calibration.by));
  }

  /** f32[rows]: calibrated logits. */
  apply(logits: Float32Array, batch: Batch): Float32Array<ArrayBuffer> {
    const keys = this.keysOf(batch);
    const calibrated = new Float32Array(logits.length);
    for (let r = 0; r < logits.length; r++) {
      const slice = keys.length > 0 ? this.index.find(keys[2 * r], keys[2 * r + 1], false) : 0;
      calibrated[r] = this.valueAt(this.curveOf(slice), logits[r]);
    }
    return calibrated;
  }

  /**
   * Counts events that were scored before they were learned.
   * @param calibrated the result of `apply` for the logits
   * @param seen rows learned in an earlier pass: their scores reflect memorisation, and are left out
   */
  learn(logits: Float32Array, calibrated: Float32Array, batch: Batch, seen: readonly Span[] = []): void {
    const { labels, weights } = batch;
    const keys = this.keysOf(batch);
    const before = sigmoid(logits);
    const after = sigmoid(calibrated);
    const counts = new Uint8Array(logits.length).fill(1);
    for (const { from, to } of seen) counts.fill(0, from, to);
    for (let r = 0; r < logits.length; r++) {
      if (counts[r] === 0 || !Number.isFinite(logits[r])) continue;
      const event = {
        logit: logits[r],
        label: labels[r],
        weight: weights[r],
        predicted: before[r],
        calibrated: after[r],
      };
      this.slices[0].count(event, this.growth);
      if (keys.length > 0) this.sliceOf(keys[2 * r], keys[2 * r + 1])?.count(event, this.growth);
    }
    this.curves = [];
    this.named.clear();
  }

  /** The rows whose values have no slice yet although there is room for more: the values' texts become the slices' names. */
  unnamed(batch: Batch): number[] {
    const keys = this.keysOf(batch);
    if (this.index.full) return [];
    return Array.from({ length: keys.length / 2 }, (_, r) => r).filter(
      (r) => this.index.find(keys[2 * r], keys[2 * r + 1], false) === 0,
    );
  }

  /** Gives the text of a row's value, before the row is learned. */
  name(batch: Batch, row: number, text: string): void {
    const { table, cell, singles } = this.column!;
    this.named.set(batch.keys(table)[row * singles + cell], text.slice(0, MOST_NAME));
  }

  /** The calibration of every slice, that of all events first. */
  report(): SliceReport[] {
    const names = sliceNames(this.names, this.index.keys);
    const totals = this.told ?? this.slices.map((slice) => slice.totals);
    return totals.map(({ events, weight, positive, predicted, calibrated }, i) => {
      const ratio = (sum: number) => (positive > 0 ? sum / positive : null);
      const slice = i === 0 ? null : names[i - 1];
      const positives = positive > 0 ? positive * (events / weight) : 0;
      return { slice, events, actual: positive, positives, raw: ratio(predicted), calibrated: ratio(calibrated) };
    });
  }

  blocks(): Block[] {
    const { keys } = this.index;
    const slices = new Float64Array(this.slices.length * SLICE);
    for (const [i, { data }] of this.slices.entries()) slices.set(data, i * SLICE);
    const names = new TextEncoder().encode(JSON.stringify(this.names));
    return [
      { name: KEYS, dtype: "U64", shape: [keys.length], data: bytesOf(keys) },
      { name: NAMES, dtype: "U8", shape: [names.length], data: names },
      { name: SLICES, dtype: "F64", shape: [this.slices.length, SLICE], data: bytesOf(slices) },
    ];
  }

  /** @throws HashbrookError checkpoint_damaged when a block is missing or has the wrong size */
  restore(blocks: SavedBlocks): void {
    const slices = savedNumbers(blocks, SLICES, { each: SLICE * 8 });
    this.slices = Array.from({ length: slices.length / SLICE }, (_, i) => {
      return new Slice(slices.slice(i * SLICE, (i + 1) * SLICE));
    });
    const keys = savedBytes(blocks, KEYS, { bytes: (this.slices.length - 1) * 8 });
    this.index.restore(new BigUint64Array(keys.slice().buffer));
    this.names = JSON.parse(Buffer.from(savedBytes(blocks, NAMES, { each: 1 })).toString());
    this.curves = [];
  }

  /** What a replica needs: the curves, and the totals of the slices. */
  snapshot(): CalibrationState {
    const { keys } = this.index;
    const curves = Array.from({ length: keys.length + 1 }, (_, slice) => this.curveOf(slice));
    const totals = this.told ?? this.slices.map((slice) => slice.totals);
    return {
      keys,
      names: this.names,
      lengths: Uint32Array.from(curves, ({ length }) => length),
      values: Float32Array.from(curves.flatMap((curve) => [...curve])),
      totals: Float64Array.from(totals.flatMap((t) => [t.events, t.weight, t.positive, t.predicted, t.calibrated])),
    };
  }

  /** Whether a state comes from a calibrator of this spec. */
  fits({ keys, names, lengths, values, totals }: CalibrationState): boolean {
    const slices = keys.length + 1;
    const floats = lengths.reduce((sum, length) => sum + length, 0);
    const most = this.spec.slices ?? 0;
    if (keys.length > most || names.length > keys.length || lengths.length !== slices) return false;
    return floats === values.length && totals.length === slices * TOTALS && lengths.every((length) => length % 2 === 0);
  }

  /** Takes over the state of a trainer's calibrator, as a replica does. */
  use(state: CalibrationState): void {
    const { keys, names, lengths, totals } = state;
    this.index.restore(keys);
    this.names = [...names];
    this.curves = curvesIn(state);
    this.told = Array.from(lengths, (_, i) => {
      const [events, weight, positive, predicted, calibrated] = totals.subarray(i * TOTALS, (i + 1) * TOTALS);
      return { events, weight, positive, predicted, calibrated };
    });
  }

  /** The slice in which an event with this key counts beside that of all events; a new one if there is room. */
  private sliceOf(low: number, high: number): Slice | undefined {
    const slice = this.index.find(low, high, true);
    if (slice === 0) return undefined;
    if (slice === this.slices.length) {
      this.slices.push(new Slice());
      this.names.push(this.named.get((BigInt(high) << 32n) | BigInt(low)) ?? "");
    }
    return this.slices[slice];
  }

  private curveOf(slice: number): Curve {
    const known = this.curves[slice];
    if (known) return known;
    const points = this.slices[slice].points();
    const whole = slice === 0 ? NONE : this.curveOf(0);
    const curve =
      this.spec.method === "platt" ? platt(points, whole) : isotonic(points, (logit) => this.valueAt(whole, logit));
    this.curves[slice] = curve;
    return curve;
  }

  /** u32[2 × rows], the halves of the field's keys; empty if there is no field. */
  private keysOf(batch: Batch): Uint32Array {
    return this.column ? keyHalves(this.column, batch) : NO_KEYS;
  }
}

const NONE: Curve = new Float32Array(0);
const NO_KEYS = new Uint32Array(0);
