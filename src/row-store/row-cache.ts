import { systemClock } from "../core/clock.js";
import { crc32c } from "../kernels/hash.js";
import type { KeptRows } from "../tables/kept-rows.js";
import { openValkey, type Valkey, valkeyAddress } from "./valkey.js";

/** What became of rows that were asked for. */
export interface RowCacheCounts {
  /** Rows that came from there. */
  readonly hits: number;
  /** Rows that were read from the disk, and told to it. */
  readonly misses: number;
  /** Requests that had no answer, or a damaged one: what they asked for was read from the disk. */
  readonly errors: number;
}

/** By its hash tag a name's place in a cluster: so many parts of a table's rows. */
const PARTS = 16;
/** How long an answer is waited for: what a disk takes, and more. */
const ANSWER_MS = 50;
/** After an error nothing is asked for so long. */
const REST_MS = 1_000;
const CHECK_BYTES = 4;

/**
 * Rows in servers that several scorers share, by the version of the model: under another version's name they are not found, and every row has a
 * checksum over its name. It is no snapshot and no place to go on from: what is not there, not in time, or not whole is read from the disk.
 */
export class RowCache {
  /** Since it was opened; it goes on counting. */
  readonly counts: RowCacheCounts;
  private readonly counted = { hits: 0, misses: 0, errors: 0 };
  private readonly server: Valkey;
  private restsUntil = 0;

  private constructor(server: Valkey) {
    this.server = server;
    this.counts = this.counted;
  }

  /**
   * @param url `redis://[USER:PASSWORD@]HOST:PORT`, or several hosts of a cluster, parted by commas. One that is not there in two seconds is tried again later
   * @param answerMs how long an answer is waited for
   * @param note is told where it is not there by then
   * @throws HashbrookError usage, also where the server wants another user or password; runtime_unavailable where the package iovalkey is not there
   */
  static async open(url: string, answerMs = ANSWER_MS, note: (text: string) => void = () => {}): Promise<RowCache> {
    return new RowCache(await openValkey(valkeyAddress(url), answerMs, note));
  }

  /**
   * Rows of a store, which are also on the disk.
   * @param version names the model's rows as they are now; null: they are being written
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

  /** By key what is there; none of a part that gives no answer. */
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

  /** The weights, where the row is whole and of this name. */
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

  /** Leaves the servers; what is asked from now on comes from the disk. */
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

/** In braces what a cluster places it by. */
function nameOf(prefix: string, key: bigint): Buffer {
  return Buffer.from(`{${prefix}/${partOf(key)}}${key.toString(16)}`);
}

const checkOf = (name: Buffer, weights: Uint8Array): number => crc32c(Buffer.concat([name, weights]));
