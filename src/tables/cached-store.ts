import { ExactStore } from "./exact-store.js";
import type { KeptRows, RowKeeper } from "./kept-rows.js";
import { PACKED, type RowChunk } from "./row-store.js";
import type { StoreSpec } from "./spec.js";
import type { StoreOptions } from "./store-options.js";

const NONE = 0xffffffff;
/** The key of the default row, which keys without a row share. */
const DEFAULT_KEY = 0xffffffffffffffffn;
/** Additional bytes per row in memory: index, and eviction state. */
const BESIDE = 16;
/** Most uses of a row that are counted. */
const OFTEN = 2;

/**
 * A serving store that caches recently used rows; all rows are kept in a `RowKeeper`. The rows a batch needs are loaded
 * before it is gathered, so a row that is not in memory is one that was never learned. Rows of a hash table are keyed
 * by row number. When memory is full, rows are evicted by CLOCK with counts (a row of two uses is passed over twice; one
 * that was only loaded, not at all), but never those of the current batch, for which more memory is taken if necessary.
 */
export class CachedStore extends ExactStore {
  override readonly whole = false;
  private readonly kept: KeptRows;
  private readonly keeper: RowKeeper;
  /** Rows of a hash table; 0: rows have keys. */
  private readonly range: number;
  /** True if keys without a row have the default row's weights. */
  private readonly hasDefault: boolean;
  /** For each row in memory: batches that used it since it was loaded (at most OFTEN), less how often the hand has passed it; and the last of them. */
  private used = new Uint8Array(PACKED);
  private batches = new Uint32Array(PACKED);
  private batch = 0;
  private hand = 0;
  /** The batch whose rows are known to be all in memory. */
  private filled = -1;
  /** Rows for which memory was granted. */
  private granted = 0;
  /** The bytes of a row's weights in `probe`, in the memory as it was when it was last written to. */
  private written = new Uint8Array();

  constructor(spec: StoreSpec, options: StoreOptions & { readonly keeper: RowKeeper }) {
    const range = spec.encoding === "hash" ? spec.rows : 0;
    const workspace: StoreOptions["workspace"] = (kernel) => {
      kernel.numberRows(range);
      options.workspace?.(kernel);
    };
    super({ ...spec, encoding: "exact", rows: 0 }, { ...options, workspace }, range === 0);
    this.range = range;
    this.hasDefault = spec.admission !== undefined;
    this.keeper = options.keeper;
    this.kept = options.keeper.rowsOf(spec);
  }

  /** Learned rows, in memory or not. */
  override get rows(): number {
    return this.kept.count;
  }

  override isKey(key: bigint): boolean {
    return this.range === 0 || key < BigInt(this.range);
  }

  override gather(rows: number, occurrences: number): void | Promise<void> {
    const { kernel } = this;
    kernel.identify(kernel.keysAt.value, occurrences);
    const fetched = this.fetch(kernel.gatherKeys(occurrences) >>> 0);
    return fetched ? fetched.then(() => kernel.gatherFound(rows)) : kernel.gatherFound(rows);
  }

  override fetch(count: number): void | Promise<void> {
    this.begin();
    const missing = this.missing(count);
    if (missing.length > 0) return this.bring(missing);
  }

  override find(key: bigint): void | Promise<void> {
    this.begin();
    const own = this.range > 0 ? key % BigInt(this.range) : key;
    const wanted = this.hasDefault ? [own, DEFAULT_KEY] : [own];
    const missing = wanted.filter((one) => !this.use(this.kernel.rowOf(one) >>> 0));
    if (missing.length > 0) return this.bring(BigUint64Array.from(missing).sort());
  }

  /** Begins a batch. Its number has as many bits as those in `batches`, with which it is compared. */
  private begin(): void {
    this.batch = (this.batch + 1) >>> 0;
  }

  /** Updates rows that are in memory; the keeper stores all of them itself. */
  override put({ keys, weights }: RowChunk): void {
    const { dim } = this.layout;
    const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
    keys.forEach((key, i) => {
      if (this.kernel.rowOf(key) >>> 0 !== NONE) this.write(key, bytes.subarray(i * dim * 4, (i + 1) * dim * 4));
    });
  }

  override remove(keys: BigUint64Array): void {
    for (const key of keys) {
      const row = this.kernel.rowOf(key) >>> 0;
      if (row !== NONE) this.forget(row);
    }
  }

  /**
   * Those of the first `count` keys whose rows are not in memory, ascending; the others' rows stay there until the next
   * batch.
   */
  private missing(count: number): BigUint64Array {
    const { kernel, memory, packing } = this;
    const keys = new BigUint64Array(memory.buffer, kernel.keysAt.value >>> 0, count);
    const rows = new Uint32Array(memory.buffer, packing, PACKED);
    const missing: bigint[] = [];
    for (let from = 0; from < count; from += PACKED) {
      const some = Math.min(PACKED, count - from);
      kernel.rowsOf(keys.byteOffset + from * 8, some, packing);
      for (let i = 0; i < some; i++) if (!this.use(rows[i])) missing.push(keys[from + i]);
    }
    if (this.hasDefault && !this.use(kernel.rowOf(DEFAULT_KEY) >>> 0)) missing.push(DEFAULT_KEY);
    return BigUint64Array.from(missing).sort();
  }

  private use(row: number): boolean {
    if (row === NONE) return false;
    if (this.used[row] < OFTEN) this.used[row]++;
    this.batches[row] = this.batch;
    return true;
  }

  private bring(keys: BigUint64Array): void | Promise<void> {
    return this.kept.read(keys, (place, weights) => this.admit(keys[place], weights));
  }

  private admit(key: bigint, weights: Uint8Array): void {
    const { kernel } = this;
    if (kernel.rowOf(key) >>> 0 !== NONE) return; // requested twice
    if (this.count >= this.granted && !this.grant()) this.evict();
    const row = this.count;
    this.reserve(1);
    this.write(key, weights);
    if (row >= this.used.length) this.lengthen();
    this.used[row] = 0;
    this.batches[row] = this.batch;
  }

  private get count(): number {
    return this.kernel.rowCount.value >>> 0;
  }

  private grant(): boolean {
    const more = this.keeper.takeRoom(this.layout.stride + BESIDE);
    if (more) this.granted++;
    return more;
  }

  private lengthen(): void {
    const { used, batches } = this;
    this.used = new Uint8Array(used.length * 2);
    this.used.set(used);
    this.batches = new Uint32Array(batches.length * 2);
    this.batches.set(batches);
  }

  private write(key: bigint, weights: Uint8Array): void {
    const { buffer } = this.memory;
    if (this.written.buffer !== buffer) this.written = new Uint8Array(buffer, this.probe, this.layout.lanes * 4);
    this.written.set(weights);
    this.written.fill(0, weights.length);
    this.kernel.put(key, this.probe);
  }

  /** Evicts the first row that the hand finds without uses; none if the current batch uses all of them. */
  private evict(): void {
    const { count } = this;
    if (this.filled === this.batch) return;
    for (let passed = 0; passed < (OFTEN + 1) * count; passed++) {
      const row = this.hand % count;
      this.hand = row + 1;
      if (this.batches[row] === this.batch) continue;
      if (this.used[row] === 0) {
        this.forget(row);
        return;
      }
      this.used[row]--;
    }
    this.filled = this.batch;
  }

  /** Removes a row; the last row moves into its place. */
  private forget(row: number): void {
    const last = this.count - 1;
    this.kernel.removeRow(row);
    this.used[row] = this.used[last];
    this.batches[row] = this.batches[last];
  }
}
