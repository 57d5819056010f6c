import { systemClock } from "../core/clock.js";
import type { ServingRows } from "../delta-log/state.js";
import { crc32c } from "../kernels/hash.js";
import type { KeptRows } from "../tables/kept-rows.js";
import { damaged, failure } from "./failures.js";
import type { Database } from "./lmdb.js";

const KEY_BYTES = 8;
const CHECK_BYTES = 4;
/** Rows read in one go. */
const GO = 64;
/** A row that takes longer comes from the disk: then the remaining ones are prefetched, several at a time. */
const FROM_DISK_MS = 0.02;
const AT_A_TIME = 4;

type Held = Pick<ServingRows, "keys" | "weights" | "removed">;

/**
 * The rows of one store in a database: key u64 (big-endian, so that they are sorted) → f32[dim], CRC-32C of key and weights.
 */
export class StoredRows implements KeptRows {
  private readonly onDamage: () => void;
  private readonly name: string;
  private readonly rows: Database;
  private readonly bytes: number;
  /** Key and value of one row, in a buffer reused for writing and checking. */
  private readonly row: Buffer;
  private readonly key: Buffer;
  private readonly value: Buffer;
  private readonly weights: Buffer;
  /** What the checksum covers. */
  private readonly checked: Uint8Array;
  /** Weights of rows that are not written yet, by key; null: the row is removed. */
  private held: Map<bigint, Uint8Array | null> | null = null;

  /** @param onDamage called before an error reports damage */
  constructor(name: string, dim: number, rows: Database, onDamage: () => void) {
    this.onDamage = onDamage;
    this.name = name;
    this.rows = rows;
    this.bytes = dim * 4 + CHECK_BYTES;
    this.row = Buffer.alloc(KEY_BYTES + this.bytes);
    this.key = this.row.subarray(0, KEY_BYTES);
    this.value = this.row.subarray(KEY_BYTES);
    this.weights = this.value.subarray(0, dim * 4);
    this.checked = new Uint8Array(this.row.buffer, this.row.byteOffset, KEY_BYTES + dim * 4);
  }

  get count(): number {
    return (this.rows.getStats() as { entryCount: number }).entryCount;
  }

  /** Rows that are not written yet are read from here; a key without weights is removed. */
  hold({ keys, weights, removed }: Held): void {
    this.held ??= new Map();
    for (const key of removed) this.held.set(key, null);
    const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
    const size = this.weights.length;
    keys.forEach((key, i) => {
      this.held!.set(key, bytes.subarray(i * size, (i + 1) * size));
    });
  }

  /** All of those were written. */
  letGo(): void {
    this.held = null;
  }

  read(keys: BigUint64Array, take: (place: number, weights: Uint8Array) => void): void | Promise<void> {
    const { held } = this;
    if (!held) return this.readKept(keys, take);
    const others: number[] = [];
    keys.forEach((key, place) => {
      const found = held.get(key);
      if (found) take(place, found);
      else if (found === undefined) others.push(place);
    });
    const rest = BigUint64Array.from(others, (place) => keys[place]);
    return this.readKept(rest, (place, weights) => take(others[place], weights));
  }

  private readKept(keys: BigUint64Array, take: (place: number, weights: Uint8Array) => void): void | Promise<void> {
    const halves = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
    const slow = this.readSome(halves, 0, take);
    if (keys.length > GO) return slow ? this.readAhead(halves, GO, take) : this.readOn(halves, GO, take);
  }

  /** Writes rows, one per step, within transactions. @param weights f32[keys × dim] */
  *put(keys: BigUint64Array, weights: Float32Array): Generator<void> {
    const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
    const halves = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
    const size = this.weights.length;
    for (let i = 0; i < keys.length; i++) {
      this.nameRow(halves, i);
      this.weights.set(bytes.subarray(i * size, (i + 1) * size));
      this.value.writeUInt32LE(crc32c(this.checked), size);
      this.rows.putSync(this.key, this.value);
      yield;
    }
  }

  /** Removes rows, one per step. */
  *remove(keys: BigUint64Array): Generator<void> {
    const halves = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
    for (let i = 0; i < keys.length; i++) {
      this.nameRow(halves, i);
      this.rows.removeSync(this.key);
      yield;
    }
  }

  /** Reads the keys from index `from` on while they are in memory, then as `readAhead` does. */
  private readOn(halves: Uint32Array, from: number, take: (place: number, weights: Uint8Array) => void) {
    for (let at = from; at < halves.length / 2; at += GO)
      if (this.readSome(halves, at, take)) return this.readAhead(halves, at + GO, take);
  }

  /** Prefetches all keys from index `from` on, in the library's threads, and reads them. */
  private async readAhead(halves: Uint32Array, from: number, take: (place: number, weights: Uint8Array) => void) {
    const count = halves.length / 2;
    const part = Math.ceil((count - from) / AT_A_TIME);
    const parts: Promise<void>[] = [];
    for (let at = from; at < count; at += part)
      parts.push(this.rows.prefetch(this.keys(halves, at, Math.min(at + part, count))));
    await Promise.all(parts);
    for (let at = from; at < count; at += GO) this.readSome(halves, at, take);
  }

  private keys(halves: Uint32Array, from: number, to: number): Buffer[] {
    return Array.from({ length: to - from }, (_, i) => {
      this.nameRow(halves, from + i);
      return Buffer.from(this.key);
    });
  }

  /** @returns whether they came from the disk */
  private readSome(halves: Uint32Array, from: number, take: (place: number, weights: Uint8Array) => void): boolean {
    const started = systemClock.now();
    const to = Math.min(from + GO, halves.length / 2);
    for (let i = from; i < to; i++) if (this.readRow(halves, i)) take(i, this.weights);
    return systemClock.now() - started > FROM_DISK_MS * (to - from);
  }

  /** Reads a row into `row`; false if there is none. */
  private readRow(halves: Uint32Array, place: number): boolean {
    this.nameRow(halves, place);
    const found = this.find();
    if (!found) return false;
    const { bytes, value } = this;
    const whole = found.length === bytes;
    // Faster than to make a view of these few bytes and copy that.
    if (whole) for (let i = 0; i < bytes; i++) value[i] = found[i];
    if (whole && crc32c(this.checked) === value.readUInt32LE(this.weights.length)) return true;
    this.onDamage();
    throw damaged(`table ${this.name}: the row of key ${this.key.toString("hex")} does not match its checksum`);
  }

  private find(): Buffer | undefined {
    try {
      return this.rows.getBinaryFast(this.key);
    } catch (error) {
      throw failure(`table ${this.name}`, error);
    }
  }

  private nameRow(halves: Uint32Array, i: number): void {
    this.key.writeUInt32BE(halves[2 * i + 1], 0);
    this.key.writeUInt32BE(halves[2 * i], 4);
  }
}
