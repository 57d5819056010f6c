import { Batch } from "../core/batch.js";
import { fromHex64 } from "../core/hash.js";
import { Decoder } from "../decode/decoder.js";
import { itemTexts, type KeptValue, keptRows } from "../decode/kept-rows.js";
import { isBag, partsOf } from "../fields/index.js";
import { xxh64 } from "../kernels/hash.js";
import { openSource } from "../sources/source.js";
import { type CompiledCell, type CompiledField, type CompiledSpec, hasFeatures } from "../spec/compiled.js";
import { bucketOf } from "../spec/keys.js";
import { constantKey } from "../tables/batch-path.js";
import type { RowStore, Table } from "../tables/table.js";
import { START } from "../train/stream.js";
import { decodedBatches } from "../train/text-feed.js";

/** Most events that are read to find names: ids that do not occur among them are rare. */
const MOST_EVENTS = 2_000_000;
const CAPACITY = 512;
/** Most ids recorded for a row that several share. */
const MOST_NAMES = 20;
const SHOWN = 3;

/** Rows of a table whose ids are wanted. */
interface Wanted {
  readonly store: RowStore;
  readonly rows: Map<number, Map<string, number>>;
}

type Named = Extract<CompiledField, { from: string }>;

/**
 * Finds the texts of rows' ids by reading events: the decoder gives keys, along with the texts they were made from. Only for
 * tables where an id has one row.
 */
export class Names {
  private readonly spec: CompiledSpec;
  private readonly wanted: ReadonlyMap<number, Wanted>;
  private readonly fields: ReadonlyMap<string, CompiledField>;
  private readonly sources: readonly string[];
  /** Whether a row was found by a key that is not its own: others may share it, too. */
  private shared = false;

  constructor(spec: CompiledSpec, tables: readonly Table[]) {
    this.spec = spec;
    this.fields = new Map(spec.fields.map((field) => [field.name, field]));
    this.wanted = new Map(
      tables.flatMap((table, t) =>
        table.lookup && table.stores.length === 1 ? [[t, { store: table.stores[0], rows: new Map() }] as const] : [],
      ),
    );
    this.sources = [...new Set(spec.fields.flatMap((field) => ("from" in field ? [field.from] : [])))];
  }

  /** Requests the ids of a row, by its key. */
  want(table: number, key: string): void {
    const wanted = this.wanted.get(table);
    if (wanted) wanted.rows.set(rowOf(wanted.store, fromHex64(key)), new Map());
  }

  /** Reads until every row has a name (for shared rows: to the end), at most two million events. */
  async read(data: readonly string[]): Promise<void> {
    this.nameConstants();
    const decoder = new Decoder(this.spec, { capacity: CAPACITY, requireLabel: false, kept: this.sources });
    const source = openSource(data);
    const buffer = () => new ArrayBuffer(decoder.layout.bytes);
    const options = { start: START, epochs: 1, limit: MOST_EVENTS, buffer };
    try {
      for await (const { rows, buffer, base, kept } of decodedBatches(source, decoder, options)) {
        this.add(new Batch(decoder.layout, rows, buffer, base), kept!);
        if (this.complete) break;
      }
    } finally {
      await source.close();
    }
  }

  /** The ids of a row, the most frequent first; empty: none was found. */
  of(table: number, key: string): string[] {
    const wanted = this.wanted.get(table);
    const names = wanted?.rows.get(rowOf(wanted.store, fromHex64(key)));
    const sorted = [...(names ?? [])].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    return sorted.slice(0, SHOWN).map(([name]) => name);
  }

  private get complete(): boolean {
    const named = ({ rows }: Wanted) => [...rows.values()].every((names) => names.size > 0);
    return !this.shared && [...this.wanted.values()].every(named);
  }

  /** Names keys that need no events: those of number fields, of the bias, and of buckets. */
  private nameConstants(): void {
    for (const [t] of this.wanted) {
      for (const cell of this.spec.tables[t].cells) {
        if (cell.kind === "number" || cell.kind === "bias") this.note(t, constantKey(cell), cell.field);
        else for (const [text, name] of bucketNames(this.fields.get(cell.field))) this.note(t, keyOf(text, cell), name);
      }
    }
  }

  private add(batch: Batch, kept: Uint8Array): void {
    const rows = [...keptRows(kept, this.sources.length)].filter(({ rejected }) => rejected === null);
    for (const [t] of this.wanted) {
      const { cells } = this.spec.tables[t];
      const singles = cells.filter(({ kind }) => kind === "single");
      const keys = batch.keys(t);
      for (const [r, { values }] of rows.entries()) {
        for (const [i, cell] of singles.entries()) {
          const key = keys[r * singles.length + i];
          if (this.isWanted(t, key)) this.note(t, key, this.nameOf(cell.field, values));
        }
        for (const cell of cells) if (cell.kind === "bag") this.addItems(t, cell, values);
      }
    }
  }

  private addItems(t: number, cell: CompiledCell, values: readonly KeptValue[]): void {
    const field = this.fields.get(cell.field)!;
    if (!isBag(field)) return;
    for (const item of this.itemsOf(this.valueOf(field, values), field.separator)) {
      const key = keyOf(item, cell);
      if (this.isWanted(t, key)) this.note(t, key, `${field.name}=${item}`);
    }
  }

  private isWanted(t: number, key: bigint): boolean {
    const { store, rows } = this.wanted.get(t)!;
    return rows.has(rowOf(store, key));
  }

  private note(t: number, key: bigint, name: string): void {
    const { store, rows } = this.wanted.get(t)!;
    const row = rowOf(store, key);
    const names = rows.get(row);
    if (names && store.keyOf(row) !== key) this.shared = true;
    if (names && (names.has(name) || names.size < MOST_NAMES)) names.set(name, (names.get(name) ?? 0) + 1);
  }

  /** The name of an event's value of a field. */
  private nameOf(name: string, values: readonly KeptValue[]): string {
    const field = this.fields.get(name)!;
    const parts = partsOf(field);
    if (parts.length > 0) return parts.map((part) => this.nameOf(part, values)).join(" × ");
    const { text } = this.valueOf(field as Named, values);
    if (!("boundaries" in field)) return `${name}=${text === "" ? "(none)" : text}`;
    const bucket = text === "" ? "" : String(bucketOf(Number(text), field.boundaries));
    return bucketNames(field).find(([index]) => index === bucket)![1];
  }

  /** The items of a bag, without their weights. */
  private itemsOf({ kind, text }: KeptValue, separator: string): string[] {
    if (hasFeatures(this.spec.events.format)) return text.split(/\s+/).map((item) => item.replace(/:[^:]*$/, ""));
    if (kind !== "json") return text === "" ? [] : text.split(separator);
    return itemTexts(text);
  }

  private valueOf({ from }: Named, values: readonly KeptValue[]): KeptValue {
    return values[this.sources.indexOf(from)];
  }
}

/** The row that a key would have, learned or not. */
const rowOf = ({ kernel }: RowStore, key: bigint): number => kernel.rowOf(key) >>> 0;

const keyOf = (text: string, { seed }: CompiledCell): bigint => xxh64(text, fromHex64(seed));

/** The text of every bucket's key, and its name; none for any other field. */
function bucketNames(field: CompiledField | undefined): [string, string][] {
  if (!field || !("boundaries" in field)) return [];
  const { name, boundaries } = field;
  const spans = boundaries.map((least, i): [string, string] => {
    const end = boundaries[i + 1];
    return [String(i + 1), end === undefined ? `${name} from ${least}` : `${name} ${least} to ${end}`];
  });
  return [["", `${name}=(none)`], ["0", `${name} below ${boundaries[0]}`], ...spans];
}
