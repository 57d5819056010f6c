import type { Batch } from "../../core/batch.js";
import { type Block, bytesOf, type SavedBlocks, savedNumbers } from "../../core/blocks.js";
import { keptRows } from "../../decode/kept-rows.js";
import { xxh64 } from "../../kernels/hash.js";
import { GroupedAuc, type GroupedQuality } from "../../metrics/grouped.js";
import type { Span } from "../../metrics/split.js";
import { hasKeys } from "../../spec/calibration.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { type KeyColumn, keyColumn, keyHalves } from "../../spec/key-column.js";
import { bySource } from "../prediction/columns.js";

/** AUC within groups of events, and the field they are grouped by. */
export interface GroupReport extends GroupedQuality {
  /** The field, column or path whose values are the groups. */
  readonly field: string;
  /** train: for the last complete window (`train.window` events), or the incomplete one. */
  readonly window?: GroupedQuality;
}

/** How eval groups events. */
export interface GroupSpec {
  /** As requested. */
  readonly field: string;
  /** Index of its text among a row's kept ones; null: the field's keys are in the batch. */
  readonly text: number | null;
}

/** Events of an evaluation that are kept: 20 bytes each, 80 MiB. */
const MOST_EVALUATED = 2 ** 22;
/** Events of a run that are kept, for the whole stream and for a window: 1.25 MiB each, also in checkpoints. */
const MOST_KEPT = 2 ** 16;
const POSITION = "metrics/grouped/position";
/** The f64 values of a quality in a checkpoint. */
const FIGURES = [
  "auc",
  "auc_by_clicks",
  "groups",
  "events",
  "one_class",
  "one_class_events",
  "ungrouped",
  "share",
] as const;

/**
 * @throws HashbrookError usage if events have no such value
 * @param kept sources whose texts are kept before it
 */
export function groupSpec(
  spec: CompiledSpec,
  field: string,
  kept: readonly string[],
): { group: GroupSpec; kept: string[] } {
  if (hasKeys(spec.tables, field)) return { group: { field, text: null }, kept: [] };
  return { group: { field, text: kept.length }, kept: bySource(spec, field, "--group-auc") };
}

/**
 * AUC by group for events that are only scored: exact up to about four million events, then for a share of the groups.
 */
export class EvaluatedGroups {
  private readonly group: GroupSpec;
  private readonly column: KeyColumn | null;
  private readonly all: GroupedAuc;

  constructor(group: GroupSpec, spec: CompiledSpec) {
    this.group = group;
    this.column = group.text === null ? keyColumn(spec, group.field) : null;
    this.all = new GroupedAuc(MOST_EVALUATED, this.column?.missing ?? xxh64(""));
  }

  /** @param columns texts kept per row */
  add(scores: Float32Array, batch: Batch, kept: Uint8Array | undefined, columns: number): void {
    const { labels, weights, rows } = batch;
    const keys = this.column ? keyHalves(this.column, batch) : this.textKeys(kept!, columns, rows);
    this.all.add({ keys, scores, labels, weights }, { from: 0, to: rows });
  }

  report(): GroupReport {
    return { field: this.group.field, ...this.all.quality() };
  }

  private textKeys(kept: Uint8Array, columns: number, rows: number): Uint32Array {
    const keys = new BigUint64Array(rows);
    let r = 0;
    for (const { rejected, values } of keptRows(kept, columns))
      if (rejected === null) keys[r++] = xxh64(values[this.group.text!].text);
    return new Uint32Array(keys.buffer);
  }
}

/**
 * AUC by group for events scored before they were first learned: over a hash-based sample of the groups that shrinks as
 * the stream grows, and over windows.
 */
export class LearnedGroups {
  private readonly field: string;
  private readonly column: KeyColumn;
  private readonly windowRows: number;
  private readonly all: GroupedAuc;
  private readonly window: GroupedAuc;
  /** For the last complete window. */
  latest: GroupedQuality | null = null;
  private rows = 0;

  constructor(spec: CompiledSpec, field: string) {
    this.field = field;
    this.column = keyColumn(spec, field);
    this.windowRows = spec.window;
    this.all = new GroupedAuc(MOST_KEPT, this.column.missing);
    this.window = new GroupedAuc(MOST_KEPT, this.column.missing);
  }

  /** null if the spec has no group metric, or nothing is learned. */
  static of(spec: CompiledSpec, kind: string): LearnedGroups | null {
    return kind === "train" && spec.metrics ? new LearnedGroups(spec, spec.metrics.group) : null;
  }

  /** @param seen rows learned in an earlier pass, ascending: they are left out */
  add(scores: Float32Array, batch: Batch, seen: readonly Span[]): void {
    const { labels, weights } = batch;
    const rows = { keys: keyHalves(this.column, batch), scores, labels, weights };
    let at = 0;
    for (const { from, to } of [...seen, { from: batch.rows, to: batch.rows }]) {
      for (; at < from; ) {
        const end = Math.min(from, at + this.windowRows - (this.rows % this.windowRows));
        for (const groups of [this.all, this.window]) groups.add(rows, { from: at, to: end });
        this.rows += end - at;
        at = end;
        if (this.rows % this.windowRows === 0) this.closeWindow();
      }
      at = to;
    }
  }

  report(): GroupReport {
    return { field: this.field, ...this.all.quality(), window: this.latest ?? this.window.quality() };
  }

  blocks(): Block[] {
    const position = bytesOf(Float64Array.of(this.rows, ...numbersOf(this.latest)));
    return [
      { name: POSITION, dtype: "F64", shape: [position.byteLength / 8], data: position },
      ...this.all.blocks("metrics/grouped/all"),
      ...this.window.blocks("metrics/grouped/window"),
    ];
  }

  /** Checkpoints from before the spec had a group metric have no state. @throws HashbrookError checkpoint_damaged */
  restore(blocks: SavedBlocks): void {
    if (!blocks.has(POSITION)) return;
    const position = savedNumbers(blocks, POSITION, { each: 8 });
    this.rows = position[0];
    this.latest = position.length > FIGURES.length ? qualityOf(position.subarray(1)) : null;
    this.all.restore("metrics/grouped/all", blocks);
    this.window.restore("metrics/grouped/window", blocks);
  }

  private closeWindow(): void {
    this.latest = this.window.quality();
    this.window.clear();
  }
}

/** NaN: no value. */
function numbersOf(quality: GroupedQuality | null): number[] {
  return quality ? FIGURES.map((name) => quality[name] ?? Number.NaN) : [];
}

function qualityOf(numbers: Float64Array): GroupedQuality {
  const figures = FIGURES.map((name, i) => [name, Number.isNaN(numbers[i]) ? null : numbers[i]]);
  return Object.fromEntries(figures) as GroupedQuality;
}
