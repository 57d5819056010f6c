import { join } from "node:path";
import { writeFileAtomically } from "../../core/atomic-file.js";
import type { Batch } from "../../core/batch.js";
import { type Block, bytesOf, type SavedBlocks, savedBytes } from "../../core/blocks.js";
import { nodeFiles } from "../../core/files.js";
import { compare } from "../../metrics/delong.js";
import type { Model } from "../../model/model.js";
import type { Prefixes } from "../../model/nested-vectors.js";
import type { CompiledSpec, CompiledTable } from "../../spec/compiled.js";
import { rowBytes } from "../../tables/bytes.js";
import type { Table } from "../../tables/table.js";
import type { Job } from "../job.js";

/** The quality of a prefix, compared with whole vectors on the same events; null if one class is missing. */
export interface PrefixQuality {
  /** Components used; if all fields are cut, the largest number. */
  readonly prefix: number;
  /** Bytes of the rows that hold these vectors, everything counted, if they had no more components. */
  readonly bytes: number;
  /** Area under the ROC curve. */
  readonly auc: number | null;
  /** Difference to the AUC of whole vectors. */
  readonly auc_difference: number | null;
  /** Standard error of the difference (DeLong et al. 1988). */
  readonly auc_se: number | null;
  /** Mean logistic loss, in nats. */
  readonly logloss: number | null;
  /** Difference to the logloss of whole vectors: positive is worse. */
  readonly logloss_difference: number | null;
  /** Standard error of the difference. */
  readonly logloss_se: number | null;
}

/** The size curve of one field, with the others whole. */
export interface FieldCurve {
  /** The field. */
  readonly field: string;
  /** The table that has its vectors, and whose bytes it may share with other fields. */
  readonly table: string;
  /** From the shortest prefix to the whole vector. */
  readonly prefixes: readonly PrefixQuality[];
}

/** Size curves of nested vectors; the file `nested.json` of a run's directory. */
export interface NestedReport {
  /** Events that `together` was measured on. */
  readonly events: number;
  /** All fields cut to the same prefix. */
  readonly together: readonly PrefixQuality[];
  /** Events that `fields` were measured on. */
  readonly field_events: number;
  /** Each field cut, with the others whole. */
  readonly fields: readonly FieldCurve[];
}

/** Number of newest events whose scores are kept: during learning, and if only curves are requested. */
const KEPT = { train: { together: 65_536, fields: 16_384 }, eval: { together: 2 ** 20, fields: 2 ** 18 } };
/** Largest cost of each kind of curve, relative to learning. */
const COST = 0.05;
/** Cost of scoring relative to learning: the forward pass compared with forward and backward. */
const FORWARD = 1 / 3;

/**
 * The size curves of nested vectors: events are scored with every prefix before they are learned. During learning only
 * some batches are scored, to bound the cost; which ones depends on the number of events.
 */
export class PrefixCurves {
  private readonly spec: CompiledSpec;
  private readonly together: CutScores;
  private readonly fields: CutScores;

  private constructor(spec: CompiledSpec, batch: number | null) {
    const tables = nestedTables(spec);
    const kept = KEPT[batch === null ? "eval" : "train"];
    const prefixes = prefixesOf(tables);
    this.spec = spec;
    this.together = new CutScores("nested/together", cutsTogether(tables, prefixes), kept.together, batch);
    this.fields = new CutScores("nested/fields", cutsByField(tables), kept.fields, batch);
  }

  /** null if vectors are not nested, or no curves are requested. */
  static of(spec: CompiledSpec, { kind, curves }: Job): PrefixCurves | null {
    if (nestedTables(spec).length === 0 || !(kind === "train" || (kind === "eval" && curves))) return null;
    return new PrefixCurves(spec, kind === "train" ? spec.batch : null);
  }

  /** Scores a batch before it is learned, if it is due. @param examples learned before it */
  async measure(model: Model, batch: Batch, examples: number): Promise<void> {
    for (const scores of [this.together, this.fields]) await scores.measure(model, batch, examples);
  }

  blocks(): Block[] {
    return [this.together.block(), this.fields.block()];
  }

  restore(blocks: SavedBlocks): void {
    this.together.restore(blocks);
    this.fields.restore(blocks);
  }

  report(model: Model): NestedReport {
    const tables = nestedTables(this.spec);
    const bytesAt = (table: CompiledTable, prefix: number) =>
      cutBytes(model.tables.find(({ name }) => name === table.name)!, prefix);
    const together = prefixesOf(tables).map((prefix, i) => ({
      prefix,
      bytes: tables.reduce((sum, table) => sum + bytesAt(table, upTo(table, prefix)), 0),
      ...this.together.quality(i),
    }));
    let next = 0;
    const fields = tables.flatMap((table) =>
      table.cells.map(({ field }) => ({
        field,
        table: table.name,
        prefixes: table.nested!.map((prefix) => ({
          prefix,
          bytes: bytesAt(table, prefix),
          ...this.fields.quality(prefix === table.dim ? this.fields.whole : next++),
        })),
      })),
    );
    return { events: this.together.events, together, field_events: this.fields.events, fields };
  }
}

/** Bytes of a table if its vectors had `prefix` components: shorter rows, if rows are vectors. */
function cutBytes(table: Table, prefix: number): number {
  const saved = table.stores
    .filter(({ spec }) => spec.dim === table.spec.dim)
    .map((store) => store.capacity * (rowBytes(store.spec) - rowBytes({ ...store.spec, dim: prefix })));
  return saved.reduce((bytes, less) => bytes - less, table.stats().bytes);
}

/** Writes a run's curves into its directory. */
export function keepCurves(out: string, report: NestedReport): void {
  writeFileAtomically(nodeFiles, join(out, "nested.json"), Buffer.from(`${JSON.stringify(report, null, 2)}\n`));
}

/** Scores of the newest measured events with some cuts; whole vectors come last. */
class CutScores {
  private readonly name: string;
  private readonly cuts: readonly Prefixes[];
  /** Floats per event: its label, and a logit for each cut. */
  private readonly width: number;
  private readonly capacity: number;
  /** Events between two measured batches; 0: all are measured. */
  private readonly period: number;
  private rows: Float32Array;
  private count = 0;

  /** @param batch rows per learned batch; null: nothing is learned, and all events are measured */
  constructor(name: string, cuts: readonly Prefixes[], capacity: number, batch: number | null) {
    this.name = name;
    this.cuts = [...cuts, {}];
    this.width = 1 + this.cuts.length;
    this.capacity = capacity;
    this.period = batch === null ? 0 : batch * Math.ceil((this.cuts.length * FORWARD) / COST);
    this.rows = new Float32Array(Math.min(capacity, 1024) * this.width);
  }

  /** Number of events kept. */
  get events(): number {
    return Math.min(this.count, this.capacity);
  }

  /** Index of the whole vectors. */
  get whole(): number {
    return this.cuts.length - 1;
  }

  async measure(model: Model, batch: Batch, examples: number): Promise<void> {
    const { period } = this;
    if (period > 0 && Math.floor(examples / period) === Math.floor((examples + batch.rows) / period)) return;
    const scores = await model.predictCuts!(batch, this.cuts);
    const { labels } = batch;
    this.grow(batch.rows);
    for (let r = 0; r < batch.rows; r++) {
      const at = (this.count++ % this.capacity) * this.width;
      this.rows[at] = labels[r];
      for (let c = 0; c < scores.length; c++) this.rows[at + 1 + c] = scores[c][r];
    }
  }

  /** A cut's quality, compared with that of whole vectors. */
  quality(cut: number): Omit<PrefixQuality, "prefix" | "bytes"> {
    const { events } = this;
    const column = (c: number) => Float32Array.from({ length: events }, (_, e) => this.rows[e * this.width + c]);
    const labels = Uint8Array.from(column(0), (label) => Number(label > 0.5));
    const found = compare(column(1 + cut), column(1 + this.whole), labels, Uint32Array.from(labels.keys()));
    return {
      auc: found?.auc ?? null,
      auc_difference: found?.auc_delta ?? null,
      auc_se: found?.auc_delta_se ?? null,
      logloss: found?.logloss ?? null,
      logloss_difference: found?.logloss_delta ?? null,
      logloss_se: found?.logloss_delta_se ?? null,
    };
  }

  /** Oldest first, so that a resumed run continues as if it had not been interrupted. */
  block(): Block {
    const { events, width, count, capacity } = this;
    const first = count > capacity ? (count % capacity) * width : 0;
    const kept = new Float32Array(events * width);
    kept.set(this.rows.subarray(first, events * width));
    kept.set(this.rows.subarray(0, first), events * width - first);
    return { name: this.name, dtype: "F32", shape: [events, width], data: bytesOf(kept) };
  }

  restore(blocks: SavedBlocks): void {
    if (!blocks.has(this.name)) return;
    const kept = new Float32Array(savedBytes(blocks, this.name, { each: 4 * this.width }).slice().buffer);
    this.count = kept.length / this.width;
    this.rows = kept;
  }

  private grow(more: number): void {
    const needed = Math.min(this.capacity, this.count + more) * this.width;
    if (this.rows.length >= needed) return;
    const grown = new Float32Array(Math.min(this.capacity * this.width, Math.max(needed, 2 * this.rows.length)));
    grown.set(this.rows);
    this.rows = grown;
  }
}

const nestedTables = ({ tables }: CompiledSpec): CompiledTable[] => tables.filter(({ nested }) => nested !== undefined);

/** All prefixes of any table, ascending; the last one is the longest table's whole vector. */
function prefixesOf(tables: readonly CompiledTable[]): number[] {
  return [...new Set(tables.flatMap(({ nested }) => nested!))].sort((a, b) => a - b);
}

/** The longest of a table's prefixes with at most `most` components; the shortest if there is none. */
const upTo = ({ nested }: CompiledTable, most: number): number =>
  nested!.findLast((prefix) => prefix <= most) ?? nested![0];

function cutsTogether(tables: readonly CompiledTable[], prefixes: readonly number[]): Prefixes[] {
  return prefixes
    .slice(0, -1)
    .map((most) =>
      Object.fromEntries(
        tables.flatMap((table) => table.cells.map(({ field }) => [field, upTo(table, most)] as const)),
      ),
    );
}

function cutsByField(tables: readonly CompiledTable[]): Prefixes[] {
  return tables.flatMap(({ cells, nested }) =>
    cells.flatMap(({ field }) => nested!.slice(0, -1).map((prefix) => ({ [field]: prefix }))),
  );
}
