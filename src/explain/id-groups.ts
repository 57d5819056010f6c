import type { Batch } from "../core/batch.js";
import { LargeMap } from "../core/large-map.js";
import { sigmoid } from "../metrics/kernel.js";
import { type BinnedQuality, ScoreTotals } from "../metrics/score-totals.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { Table } from "../tables/table.js";

/** Quality over the events with a field's frequent, rare and unknown ids. */
export interface FieldGroups {
  /** Its name. */
  readonly field: string;
  /** Distinct ids among the events. */
  readonly distinct: number;
  /** The most frequent ids, which together have half of the events; a group is absent if it has no events. */
  readonly head?: GroupQuality;
  /** The other known ids. */
  readonly tail?: GroupQuality;
  /** Ids without a row in the model; absent for tables that cannot tell. */
  readonly unseen?: GroupQuality;
}

/** Quality over the events of some ids. */
export interface GroupQuality extends BinnedQuality {
  /** Distinct ids. */
  readonly ids: number;
}

const groups = ["head", "tail", "unseen"] as const;

/** Where a field's key is in a batch, and how its id is known. */
interface Column {
  readonly field: string;
  readonly table: number;
  readonly index: number;
  readonly ids: LargeMap<bigint, number>;
  readonly counts: number[];
  readonly known: boolean[];
  /** Each event's id. */
  readonly of: number[];
}

/** Groups events by the frequency of their ids, field by field. Memory: a few bytes per event and field. */
export class IdGroups {
  private readonly tables: readonly Table[];
  private readonly columns: readonly Column[];
  private readonly calibrates: boolean;
  private readonly scored: { logit: number; p: number; q: number; label: number; weight: number }[] = [];

  constructor({ tables }: CompiledSpec, model: readonly Table[], calibrates: boolean) {
    this.tables = model;
    this.calibrates = calibrates;
    const all = tables.flatMap(({ cells }, table) =>
      cells.filter(({ kind }) => kind === "single").map(({ field }, index) => ({ field, table, index })),
    );
    const first = all.filter(({ field }, i) => all.findIndex((other) => other.field === field) === i);
    this.columns = first.map((at) => ({ ...at, ids: new LargeMap(), counts: [], known: [], of: [] }));
  }

  /** @param calibrated the logits after calibration; the raw ones if there is none */
  add(batch: Batch, logits: Float32Array, calibrated: Float32Array): void {
    const { labels, weights } = batch;
    const raw = sigmoid(logits);
    const corrected = calibrated === logits ? raw : sigmoid(calibrated);
    for (let r = 0; r < batch.rows; r++) {
      if (!Number.isFinite(logits[r])) continue;
      this.scored.push({ logit: logits[r], p: raw[r], q: corrected[r], label: labels[r], weight: weights[r] });
      for (const column of this.columns) this.count(column, batch.keys(column.table)[this.place(batch, column, r)]);
    }
  }

  /** For fields with at least this many ids in the events. */
  result(least = 2): FieldGroups[] {
    return this.columns.filter(({ counts }) => counts.length >= least).map((column) => this.groupsOf(column));
  }

  private place({ layout }: Batch, { table, index }: Column, r: number): number {
    return r * layout.keys[table].singles + index;
  }

  private count({ ids, counts, known, of, table }: Column, key: bigint): void {
    let id = ids.get(key);
    if (id === undefined) {
      id = counts.length;
      ids.set(key, id);
      counts.push(0);
      const of = this.tables[table];
      known.push(!of.lookup || of.lookup(key) !== null);
    }
    counts[id]++;
    of.push(id);
  }

  private groupsOf({ field, counts, known, of }: Column): FieldGroups {
    const group = groupsOf(counts, known);
    const bins = groups.map(() => new ScoreTotals());
    for (const [event, id] of of.entries()) bins[group[id]].add(this.scored[event]);
    const told = groups.flatMap((name, g) => {
      if (bins[g].events === 0) return [];
      const ids = group.reduce((sum, other) => sum + Number(other === g), 0);
      return [[name, { ids, ...bins[g].quality(this.calibrates) }] as const];
    });
    return { field, distinct: counts.length, ...Object.fromEntries(told) };
  }
}

/** For every id: 0 head, 1 tail, 2 unseen. */
function groupsOf(counts: readonly number[], known: readonly boolean[]): Uint8Array {
  const group = Uint8Array.from(known, (is) => (is ? 1 : 2));
  const frequent = counts.flatMap((count, id) => (known[id] ? [{ count, id }] : []));
  frequent.sort((a, b) => b.count - a.count || a.id - b.id);
  const total = frequent.reduce((sum, { count }) => sum + count, 0);
  let before = 0;
  for (const { count, id } of frequent) {
    if (before >= total / 2) break;
    group[id] = 0;
    before += count;
  }
  return group;
}
