import { rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Batch } from "../core/batch.js";
import { quietly } from "../core/files.js";
import { isCacheName } from "../event-cache/names.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { decodeIdentity } from "../spec/decode-identity.js";
import { type DecodedIntoOptions, decodedInto } from "../train/files/decode-once.js";
import { FileFeeds } from "../train/files/file-feeds.js";
import { sliceSource } from "../train/metrics/slice-names.js";
import { batchesOf, START } from "../train/stream.js";
import type { TuneOptions } from "./options.js";

/** What to read. */
export interface EventsOptions {
  readonly data: readonly string[];
  /** Events per batch. */
  readonly capacity: number;
  /** Events to read. Default: all. */
  readonly limit?: number | undefined;
}

/** A batch of a stream. */
export interface ReadEvents {
  /** Valid until the next one. */
  readonly batch: Batch;
  /** Events since the previous batch that could not be read. */
  readonly rejected: number;
  /** Share of the data that was read; null if its size is unknown. */
  readonly done: number | null;
}

/** Reads events in this thread, decoded as a model learns them, from files or a cache. */
export async function* eventsOf(
  spec: CompiledSpec,
  { data, capacity, limit = Number.POSITIVE_INFINITY }: EventsOptions,
): AsyncGenerator<ReadEvents> {
  const job = { kind: "train", spec, data, validate: [], epochs: 1, clicks: null, kept: [] } as const;
  const feeds = await FileFeeds.open(job, capacity, ([room]) => room);
  const feed = feeds.learned(feeds.inputs);
  try {
    for await (const one of batchesOf(feed, { start: START, epochs: 1, limit, buffer: () => feeds.rooms[0] })) {
      const { totalBytes } = feed;
      const batch = new Batch(feeds.layout, one.rows, one.buffer, one.base);
      yield { batch, rejected: one.rejects.length, done: totalBytes ? one.bytesRead / totalBytes : null };
      // Lets a signal be delivered: reading files and simulating them never wait.
      await setImmediate();
    }
  } finally {
    await feed.close();
  }
}

/** The events of a comparison, decoded once into a cache in its directory, which is kept until there is a result. */
export class DecodedEvents {
  private readonly directory: string;
  private readonly data: readonly string[];
  private readonly spec: CompiledSpec;
  /** What is read instead of the data. */
  private decoded: string | null = null;

  /** @param spec how events are decoded @param out the comparison's directory */
  constructor(spec: CompiledSpec, data: readonly string[], out: string) {
    this.spec = spec;
    this.data = data;
    this.directory = join(out, "decoded");
  }

  /** Decodes the events, unless they are cached. If the disk is short, they are read directly. */
  async decode({ signal, onProgress }: Pick<TuneOptions, "signal" | "onProgress">): Promise<void> {
    const { spec, data, directory } = this;
    if (data.some(isCacheName)) return;
    const told: DecodedIntoOptions["onProgress"] = ({ rows, bytesRead, totalBytes }) =>
      onProgress?.({ stage: "decode", events: rows, done: totalBytes ? bytesRead / totalBytes : null });
    const kept = sliceSource(spec);
    this.decoded = await decodedInto(directory, { spec, data, epochs: 1, kept }, { signal, onProgress: told });
    signal?.throwIfAborted();
  }

  /** What models of these specs should read: the cache, if all of them decode events identically. */
  for(specs: readonly CompiledSpec[]): readonly string[] {
    const { decoded, data } = this;
    if (decoded === null) return data;
    const known = decodedAs(this.spec);
    return specs.every((spec) => decodedAs(spec) === known) ? [decoded] : data;
  }

  remove(): void {
    quietly(() => rmSync(this.directory, { recursive: true, force: true }));
  }
}

const decodedAs = (spec: CompiledSpec): string => [decodeIdentity(spec).hash, ...sliceSource(spec)].join(" ");
