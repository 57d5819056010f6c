import type { Batch } from "../core/batch.js";
import { fromHex64 } from "../core/hash.js";
import { fieldOf } from "../fields/index.js";
import { xxh64 } from "../kernels/hash.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { KindName, Readings, Signal } from "./signals.js";

/** A 4 KiB bitmap of the ids that earlier windows had, per field; ids that share a bit with one of them count as known. */
const BITS = 1 << 15;
const WORDS = BITS / 32;
/** A window clears one word in this many if its ids were not seen again: ids are remembered for about this many windows. */
const FORGETS = 64;
/** Approximate number of rows per window that are examined. */
const ROWS = 128;
/** A number is clipped to this many deviations from its mean. */
const FARTHEST = 10;

/** Distinct new ids of a field: fewer may be due to the time of day, or a campaign. */
const FEW_IDS = 30;
/** Clocks and counters vary little relative to their mean, and keep moving. */
const CLOCK = 0.05;

interface Counts {
  readonly missing: number;
  readonly values: number;
  readonly unseen: number;
  /** Distinct ones among these. */
  readonly fresh: number;
}

interface KeyField {
  readonly field: string;
  readonly table: number;
  readonly cell: number;
  readonly singles: number;
  readonly low: number;
  readonly high: number;
}

/**
 * f64 per field: missing, values, unseen, distinct unseen; for a number: values, sum and sum of squares of distances from an
 * origin, and the origin.
 */
const SUMS = 4;

/** Field statistics of a window: missing values, new ids, and the mean and spread of numbers. */
export class FieldWatch {
  /** By field, preceded by the number of rows examined. */
  readonly sums: Float64Array<ArrayBuffer>;
  /** Bits of ids of earlier windows, and those of this one; per field with ids. */
  readonly known: Uint32Array<ArrayBuffer>;
  readonly current: Uint32Array<ArrayBuffer>;
  private readonly keys: readonly KeyField[];
  /** By table: positions in a row of the halves of each field's key, and the halves of its missing value's key. */
  private readonly columns: readonly { readonly cells: Uint32Array; readonly missing: Uint32Array }[];
  /** One row in this many is examined. */
  private readonly step: number;
  private readonly bags: readonly { readonly field: string; readonly bag: number }[];
  private readonly numbers: readonly string[];
  /** For each number: mean and deviation in the windows so far; NaN before the first. */
  readonly usual: Float64Array<ArrayBuffer>;

  constructor(spec: CompiledSpec) {
    this.keys = keyFields(spec);
    this.columns = spec.tables.map((_, t) => {
      const fields = this.keys.filter(({ table }) => table === t);
      const missing = Uint32Array.from(fields.flatMap(({ low, high }) => [low, high]));
      return { cells: Uint32Array.from(fields, ({ cell }) => 2 * cell), missing };
    });
    this.step = Math.max(1, Math.floor(Math.max(spec.gate!.window, spec.batch) / ROWS));
    this.bags = bagFields(spec);
    this.numbers = spec.numbers;
    const ids = this.keys.length + this.bags.length;
    this.sums = new Float64Array(1 + SUMS * (ids + this.numbers.length));
    this.known = new Uint32Array(WORDS * ids);
    this.current = new Uint32Array(WORDS * ids);
    this.usual = new Float64Array(2 * this.numbers.length).fill(Number.NaN);
  }

  /** Examines a sample of the rows. */
  add(batch: Batch): void {
    this.sums[0] += Math.ceil(batch.rows / this.step);
    for (let first = 0; first < this.keys.length; ) {
      const { table } = this.keys[first];
      const fields = this.keys.filter((key) => key.table === table);
      this.addTable(batch, table, fields, first);
      first += fields.length;
    }
    for (const [i, { bag }] of this.bags.entries()) this.addBag(batch, bag, this.keys.length + i);
    const { numbers } = batch;
    for (let i = 0; i < this.numbers.length; i++) this.addNumbers(numbers, i);
  }

  /** The fields' signals, in the order of `read`. */
  get signals(): Signal[] {
    const of = (field: string, kinds: readonly KindName[]) =>
      kinds.map((kind) => ({ name: `${kind}(${field})`, kind }));
    const ids = [...this.keys, ...this.bags].flatMap(({ field }) => of(field, ["missing", "unseen"]));
    return [...ids, ...this.numbers.flatMap((field) => of(field, ["missing", "mean", "spread"]))];
  }

  /** Writes the signals of the current window, starting at number `first`. */
  read(into: Readings, first: number): void {
    const { sums } = this;
    const rows = sums[0];
    const ids = this.keys.length + this.bags.length;
    let to = first;
    for (let i = 0; i < ids; i++) {
      const at = 1 + SUMS * i;
      into.put(to++, sums[at] / rows, rows);
      into.put(to++, sums[at + 2] / sums[at + 1], sums[at + 1], sums[at + 3] < FEW_IDS);
    }
    for (let i = ids; i < ids + this.numbers.length; i++) {
      const at = 1 + SUMS * i;
      const values = sums[at];
      const distance = sums[at + 1] / values;
      const spread = Math.sqrt(Math.max(0, sums[at + 2] / values - distance * distance));
      const mean = sums[at + 3] + distance;
      const few = spread < CLOCK * Math.abs(mean);
      into.put(to++, (rows - values) / rows, rows);
      into.put(to++, mean, values, few);
      into.put(to++, spread, values, few);
    }
  }

  /**
   * Begins a window.
   * @param learn whether the finished window had no breach: its ids then become known
   */
  begin(learn: boolean): void {
    this.sums.fill(0);
    if (learn) this.remember();
    this.current.fill(0);
  }

  /** Makes the window's ids known, and forgets some earlier ones, another part each time. */
  private remember(): void {
    const { known, current } = this;
    const part = this.hand % FORGETS;
    this.hand = part + 1;
    for (let w = part; w < known.length; w += FORGETS) known[w] = 0;
    for (let w = 0; w < known.length; w++) known[w] |= current[w];
  }

  /** The part to forget next. */
  hand = 0;

  /** Row by row: a row's keys are contiguous. */
  private addTable(batch: Batch, table: number, fields: readonly KeyField[], first: number): void {
    const keys = batch.keys(table);
    const halves = new Uint32Array(keys.buffer, keys.byteOffset, 2 * keys.length);
    const { known, current, sums, step } = this;
    const { cells, missing } = this.columns[table];
    const stride = 2 * fields[0].singles * step;
    const count = fields.length;
    for (let row = 0; row < halves.length; row += stride) {
      for (let f = 0; f < count; f++) {
        const at = row + cells[f];
        const k0 = halves[at];
        const sum = 1 + SUMS * (first + f);
        if (k0 === missing[2 * f] && halves[at + 1] === missing[2 * f + 1]) {
          sums[sum]++;
          continue;
        }
        const word = WORDS * (first + f) + ((k0 >>> 5) & (WORDS - 1));
        const bit = 1 << (k0 & 31);
        sums[sum + 1]++;
        if ((known[word] & bit) === 0) {
          sums[sum + 2]++;
          if ((current[word] & bit) === 0) sums[sum + 3]++;
        }
        current[word] |= bit;
      }
    }
  }

  private addBag(batch: Batch, bag: number, i: number): void {
    const { offsets, keys } = batch.bag(bag);
    const halves = new Uint32Array(keys.buffer, keys.byteOffset, 2 * keys.length);
    const { known, current } = this;
    const base = WORDS * i;
    let missing = 0;
    let values = 0;
    let unseen = 0;
    let fresh = 0;
    for (let r = 0; r < batch.rows; r += this.step) {
      if (offsets[r] === offsets[r + 1]) missing++;
      for (let item = offsets[r]; item < offsets[r + 1]; item++) {
        const k0 = halves[2 * item];
        const word = base + ((k0 >>> 5) & (WORDS - 1));
        const bit = 1 << (k0 & 31);
        values++;
        if ((known[word] & bit) === 0) {
          unseen++;
          if ((current[word] & bit) === 0) fresh++;
        }
        current[word] |= bit;
      }
    }
    this.count(i, { missing, values, unseen, fresh });
  }

  private count(i: number, { missing, values, unseen, fresh }: Counts): void {
    const at = 1 + SUMS * i;
    this.sums[at] += missing;
    this.sums[at + 1] += values;
    this.sums[at + 2] += unseen;
    this.sums[at + 3] += fresh;
  }

  private addNumbers(numbers: Float32Array, i: number): void {
    const { sums, usual } = this;
    const at = 1 + SUMS * (this.keys.length + this.bags.length + i);
    const mean = usual[2 * i];
    const deviation = usual[2 * i + 1];
    const far = deviation > 0 ? FARTHEST * deviation : Number.POSITIVE_INFINITY;
    const stride = this.step * this.numbers.length;
    for (let r = i; r < numbers.length; r += stride) {
      const x = numbers[r];
      if (Number.isNaN(x)) continue;
      if (sums[at] === 0) sums[at + 3] = Number.isNaN(mean) ? x : mean;
      const distance = Math.max(-far, Math.min(far, x - sums[at + 3]));
      sums[at]++;
      sums[at + 1] += distance;
      sums[at + 2] += distance * distance;
    }
  }
}

/** Crosses are omitted, since they follow from their parts. */
function keyFields({ tables, fields }: CompiledSpec): KeyField[] {
  const found = new Map<string, KeyField>();
  for (const [table, { cells }] of tables.entries()) {
    const singles = cells.filter(({ kind }) => kind === "single");
    for (const [cell, { field, seed }] of singles.entries()) {
      const spec = fields.find(({ name }) => name === field)!;
      if (found.has(field) || fieldOf(spec.type).reads === undefined) continue;
      const missing = xxh64("", fromHex64(seed));
      const low = Number(missing & 0xffffffffn);
      const high = Number(missing >> 32n);
      found.set(field, { field, table, cell, singles: singles.length, low, high });
    }
  }
  return [...found.values()];
}

/** The first region of every bag. */
function bagFields({ tables }: CompiledSpec): { field: string; bag: number }[] {
  const fields = tables.flatMap(({ cells }) => cells.filter(({ kind }) => kind === "bag").map(({ field }) => field));
  return fields.flatMap((field, bag) => (fields.indexOf(field) === bag ? [{ field, bag }] : []));
}
