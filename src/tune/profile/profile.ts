import type { Batch } from "../../core/batch.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { KeyCounts } from "./key-counts.js";
import { type KeyFacts, keyFacts } from "./key-facts.js";

/** Statistics of a field's ids. */
export interface FieldProfile extends KeyFacts {
  /** As in the spec. */
  readonly name: string;
  /** The field's type. */
  readonly type: string;
  /** The table that embeds it. */
  readonly table: string;
  /**
   * Information about an event's label from its id, in bits, given the labels of the id's earlier events; 0 if ids tell nothing
   * or never recur.
   */
  readonly information: number;
}

/** Statistics of the ids of a table's fields together: fields that are not kept apart (`salt: table`) share their ids. */
export interface TableProfile extends KeyFacts {
  /** As in the spec. */
  readonly name: string;
  /** Largest number of ids in a batch: the rows that a table needs at least. */
  readonly batch_ids: number;
  /** Number of ids by frequency, most frequent first: [occurrences, ids]. */
  readonly by_occurrences: readonly (readonly [occurrences: number, ids: number])[];
}

/** Statistics of a stream for a model's spec. */
export interface Profile {
  /** Events that could be read. */
  readonly events: number;
  /** Events that could not be read. */
  readonly rejected: number;
  /** Share of positives. */
  readonly positive_rate: number;
  /** Entropy of a label, in bits, the upper bound of `information`. */
  readonly label_entropy: number;
  /** Fields whose values are ids, in the order of their tables. */
  readonly fields: readonly FieldProfile[];
  /** In the order of the compiled spec. */
  readonly tables: readonly TableProfile[];
}

/** Weight of the overall rate against an id's own events, in events of the rarer class. */
const PRIOR_EVENTS = 2;

/** Counts a stream's ids, batch by batch. */
export class Profiler {
  private readonly spec: CompiledSpec;
  private readonly cells: readonly { readonly table: number; readonly cell: number; readonly counts: KeyCounts }[];
  private events = 0;
  private positives = 0;

  constructor(spec: CompiledSpec) {
    this.spec = spec;
    this.cells = spec.tables.flatMap(({ cells }, table) =>
      cells.flatMap(({ kind }, cell) =>
        kind === "single" || kind === "bag" ? { table, cell, counts: new KeyCounts() } : [],
      ),
    );
  }

  /** Whether both classes occurred. */
  get canTell(): boolean {
    return this.positives > 0 && this.positives < this.events;
  }

  get rows(): number {
    return this.events;
  }

  add(batch: Batch): void {
    const { labels } = batch;
    for (const { counts } of this.cells) counts.nextBatch();
    const bases = new Float64Array(batch.rows);
    let positives = this.positives;
    for (let r = 0; r < batch.rows; r++) {
      bases[r] = (positives + 1) / (this.events + r + 2);
      positives += labels[r];
    }
    this.addSingles(batch, labels, bases);
    this.addBags(batch, labels, bases);
    this.positives = positives;
    this.events += batch.rows;
  }

  /** @param rejected events that could not be read */
  profile(rejected: number): Profile {
    const { events, positives } = this;
    const rate = events > 0 ? positives / events : 0;
    return {
      events,
      rejected,
      positive_rate: rate,
      label_entropy: binaryEntropy(rate),
      fields: this.cells.map(({ table, cell, counts }) => this.fieldProfile(table, cell, counts)),
      tables: this.spec.tables.map(({ name }, t) => ({ name, ...this.tableProfile(t) })),
    };
  }

  private addSingles(batch: Batch, labels: Float32Array, bases: Float64Array): void {
    for (const [t, { singles, offset }] of batch.layout.keys.entries()) {
      const keys = new Uint32Array(batch.buffer, batch.base + offset, 2 * batch.rows * singles);
      for (const { table, cell, counts } of this.cells) {
        if (table !== t || cell >= singles) continue;
        for (let r = 0; r < batch.rows; r++) {
          const at = 2 * (r * singles + cell);
          counts.add(keys[at], keys[at + 1], this.events + r, labels[r], bases[r], priorOf(bases[r]));
        }
      }
    }
  }

  private addBags(batch: Batch, labels: Float32Array, bases: Float64Array): void {
    for (const [b, region] of batch.layout.bags.entries()) {
      const { offsets } = batch.bag(b);
      const keys = new Uint32Array(batch.buffer, batch.base + region.keys, 2 * offsets[batch.rows]);
      const { counts } = this.cells.find(({ table, cell }) => table === region.table && cell === region.cell)!;
      for (let r = 0; r < batch.rows; r++) {
        for (let i = offsets[r]; i < offsets[r + 1]; i++)
          counts.add(keys[2 * i], keys[2 * i + 1], this.events + r, labels[r], bases[r], priorOf(bases[r]));
      }
    }
  }

  private fieldProfile(t: number, cell: number, counts: KeyCounts): FieldProfile {
    const table = this.spec.tables[t];
    const { field: name } = table.cells[cell];
    const { type } = this.spec.fields.find((field) => field.name === name)!;
    const { gain } = counts;
    const { by_occurrences: _, ...facts } = keyFacts(counts, this.events);
    const information = Math.max(0, gain / Math.LN2 / Math.max(1, facts.occurrences));
    return { name, type, table: table.name, ...facts, information };
  }

  private tableProfile(t: number): Omit<TableProfile, "name"> {
    const all = new KeyCounts();
    // Fields that are kept apart have no keys in common.
    for (const { table, counts } of this.cells) if (table === t) all.merge(counts);
    const own = this.cells.filter(({ table }) => table === t);
    const batch_ids = own.reduce((sum, { counts }) => sum + counts.batchDistinct, 0);
    return { ...keyFacts(all, this.events), batch_ids };
  }
}

const priorOf = (base: number): number => PRIOR_EVENTS / Math.min(base, 1 - base);

/** Entropy of an outcome with this probability, in bits. */
function binaryEntropy(p: number): number {
  return p > 0 && p < 1 ? -(p * Math.log2(p) + (1 - p) * Math.log2(1 - p)) : 0;
}
