import { checkArguments } from "../core/arguments.js";
import { systemClock } from "../core/clock.js";
import { crc32c } from "../kernels/hash.js";
import type { KeptRows } from "../tables/kept-rows.js";
import { openValkey, type Valkey, valkeyAddress } from "./valkey.js";

/** Counters of a row cache. */
export interface RowCacheCounts {
  /** Rows found in the cache. */
  readonly hits: number;
  /** Rows read from the disk, because the cache did not return them. */
  readonly misses: number;
  /** Requests without an answer, and rows with a wrong checksum; these rows are read from the disk. */
  readonly errors: number;
}

/** Number of hash tags per table. A cluster keeps names with the same tag on one node, where one request reads them. */
const PARTS = 16;
/** Default timeout of a request: more than a disk takes. */
const ANSWER_MS = 50;
/** Time after an error in which the cache is not used. */
const REST_MS = 1_000;
const CHECK_BYTES = 4;

/**
 * A cache of rows on servers that several scorers share. Names contain the model's version, so that rows of another
 * version are not found, and every row has a checksum over its name and weights. It is not a snapshot, and nothing can
 * be continued from it: rows that are missing, late or damaged are read from the disk.
 */
export class RowCache {
  /** Counts since it was opened; the object is updated in place. */
  readonly counts: RowCacheCounts;
  private readonly counted = { hits: 0, misses: 0, errors: 0 };
  private readonly server: Valkey;
  private restsUntil = 0;

  private constructor(server: Valkey) {
    this.server = server;
    this.counts = this.counted;
  }

  /**
   * Connects to the servers. If they cannot be reached within two seconds, this is retried in the background.
   * @param url `redis://[USER:PASSWORD@]HOST:PORT`, or several hosts of one cluster, separated by commas
   * @param answerMs timeout of a request in ms. Default 50
   * @param note called with a message if the servers were not reached in time
   * @throws HashbrookError usage if `url` is malformed, or the server requires another user or password;
   *   runtime_unavailable if the package iovalkey cannot be loaded
   */
  static async open(url: string, answerMs = ANSWER_MS, note: (text: string) => void = () => {}): Promise<RowCache> {
    checkArguments("RowCache.open", { url }, { url: "text" });
    return new RowCache(await openValkey(valkeyAddress(url), answerMs, note));
  }

  /**
   * The rows of a store, read from the cache if possible.
   * @param kept the same rows on the disk
   * @param store the store's name
   * @param version returns the current version of the model's rows; null while they are being written
   * @internal
   */
  over(kept: KeptRows, store: string, version: () => string | null): KeptRows {
    return {
      get count() {
        return kept.count;
      },
      read: (keys, take) => {
        const now = version();
        if (now === null || keys.length === 0 || systemClock.now() < this.restsUntil) return kept.read(keys, take);
        return this.read({ keys, take, kept, prefix: `hashbrook/${now}/${store}`, isNow: () => version() === now });
      },
    };
  }

  private async read({ keys, take, kept, prefix, isNow }: Reading): Promise<void> {
    const names = Array.from(keys, (key) => nameOf(prefix, key));
    const found = await this.ask(names, keys);
    const missing: number[] = [];
    names.forEach((name, place) => {
      const weights = isNow() ? this.checked(name, found[place]) : null;
      if (weights) take(place, weights);
      else missing.push(place);
    });
    this.counted.hits += names.length - missing.length;
    if (missing.length === 0) return;
    await kept.read(
      BigUint64Array.from(missing, (place) => keys[place]),
      (i, weights) => {
        this.counted.misses++;
        if (isNow()) this.tell(names[missing[i]], weights);
        take(missing[i], weights);
      },
    );
  }

  /** Cached values, by index of the key; null if there is none, or its request failed. */
  private async ask(names: readonly Buffer[], keys: BigUint64Array): Promise<readonly (Buffer | null)[]> {
    const found: (Buffer | null)[] = names.map(() => null);
    const parts = Array.from({ length: PARTS }, () => [] as number[]);
    keys.forEach((key, place) => {
      parts[partOf(key)].push(place);
    });
    const asked = parts.filter((places) => places.length > 0);
    await Promise.all(
      asked.map(async (places) => {
        const values = await this.server.get(places.map((place) => names[place])).catch(() => this.failed());
        for (const [i, place] of places.entries()) found[place] = values[i] ?? null;
      }),
    );
    return found;
  }

  private failed(): readonly null[] {
    this.counted.errors++;
    this.restsUntil = systemClock.now() + REST_MS;
    return [];
  }

  /** The weights of a cached value; null if it is missing or its checksum is wrong. */
  private checked(name: Buffer, value: Buffer | null): Uint8Array | null {
    if (value === null) return null;
    const weights = value.subarray(0, Math.max(0, value.length - CHECK_BYTES));
    if (value.length > CHECK_BYTES && value.readUInt32LE(weights.length) === checkOf(name, weights)) return weights;
    this.counted.errors++;
    return null;
  }

  private tell(name: Buffer, weights: Uint8Array): void {
    const value = Buffer.alloc(weights.length + CHECK_BYTES);
    value.set(weights);
    value.writeUInt32LE(checkOf(name, weights), weights.length);
    this.server.put(name, value).catch(() => this.failed());
  }

  /** Disconnects from the servers; rows are then read from the disk. */
  close(): void {
    this.server.close();
  }
}

interface Reading {
  readonly keys: BigUint64Array;
  readonly take: Parameters<KeptRows["read"]>[1];
  readonly kept: KeptRows;
  readonly prefix: string;
  readonly isNow: () => boolean;
}

const partOf = (key: bigint): number => Number(key % BigInt(PARTS));

/** The name of a row; the part in braces is the hash tag, by which a cluster selects the node. */
function nameOf(prefix: string, key: bigint): Buffer {
  return Buffer.from(`{${prefix}/${partOf(key)}}${key.toString(16)}`);
}

const checkOf = (name: Buffer, weights: Uint8Array): number => crc32c(Buffer.concat([name, weights]));
