import { type BatchLayout, batchLayout, type Room } from "../../core/batch.js";
import { Decoder } from "../../decode/decoder.js";
import type { CachedInput } from "../../event-cache/inputs.js";
import { isCacheName } from "../../event-cache/names.js";
import type { ColumnMemory } from "../../kernels/column.js";
import type { Input } from "../../sources/reader.js";
import { inputsFor, sourceOf } from "../../sources/source.js";
import type { FileFeed } from "../feed.js";
import type { Job } from "../job.js";
import { TextFeed } from "../text-feed.js";

/** Batches on their way to the consumer; another one waits until a room is free. */
const IN_FLIGHT = 4;

/** The module that reads caches; loaded only if there are any. */
type Caches = typeof import("./cached-feeds.js");

/** The part of a job that determines which files are read, and for what. */
export type Reading = Pick<Job, "kind" | "spec" | "data" | "validate" | "epochs" | "clicks" | "kept">;

/** Decodes lists of files, or reads them from caches, into rooms that the consumer shares. */
export class FileFeeds {
  readonly layout: BatchLayout;
  readonly rooms: readonly Room[];
  /** The data. */
  readonly inputs: readonly Input[];
  /** Held-out events in separate files; may be empty. */
  readonly validation: readonly Input[];
  private readonly job: Reading;
  private readonly room: () => Room;
  private readonly caches: { readonly memory: ColumnMemory; readonly feedOf: Caches["cacheFeed"] } | null;
  private readonly decoders: { learn?: Decoder; validate?: Decoder } = {};

  private constructor(job: Reading, capacity: number, caches: Caches | null, room: (rooms: readonly Room[]) => Room) {
    this.job = job;
    this.layout = batchLayout(job.spec, capacity);
    const memory = caches?.columnMemory();
    this.rooms = memory ? roomsIn(memory, this.layout) : roomsOf(this.layout);
    this.caches = caches && memory ? { memory, feedOf: caches.cacheFeed } : null;
    this.room = () => room(this.rooms);
    const { epochs, data, validate } = job;
    this.inputs = caches?.cachedInputs(data, job) ?? inputsFor(data, { epochs });
    // Every epoch reads them again, so they must be repeatable.
    const twice = { epochs: 2 };
    this.validation =
      validate.length === 0
        ? []
        : (caches?.cachedInputs(validate, { kind: "eval", clicks: null }) ?? inputsFor(validate, twice));
  }

  /**
   * @param room returns a free one of the rooms
   * @throws usage; source_missing, …; as `cachedInputs`
   */
  static async open(job: Reading, capacity: number, room: (rooms: readonly Room[]) => Room): Promise<FileFeeds> {
    const cached = [...job.data, ...job.validate].some(isCacheName);
    return new FileFeeds(job, capacity, cached ? await import("./cached-feeds.js") : null, room);
  }

  /** The feed of what is learned, or scored by eval and predict. */
  learned(inputs: readonly Input[]): FileFeed {
    const { job, layout } = this;
    const requireLabel = job.kind !== "predict";
    const kept = requireLabel && job.kept.length === 0 ? undefined : job.kept;
    const { epochs } = job;
    const cached = this.cachedFeed(inputs, { kept, epochs });
    if (cached) return cached;
    const { capacity } = layout;
    const unlabelled = job.clicks !== null;
    this.decoders.learn ??= new Decoder(job.spec, { capacity, watch: true, requireLabel, unlabelled, kept });
    return new TextFeed(sourceOf(inputs, { epochs }), this.decoders.learn);
  }

  /** A feed of impressions that were learned, without their labels. Each has its own decoder. */
  again(inputs: readonly Input[]): FileFeed {
    const { capacity } = this.layout;
    const options = { capacity, unlabelled: true, distinct: false, watch: false };
    return new TextFeed(sourceOf(inputs), new Decoder(this.job.spec, options));
  }

  /** The feed of held-out events. */
  validated(inputs: readonly Input[]): FileFeed {
    const cached = this.cachedFeed(inputs, { distinct: false });
    if (cached) return cached;
    const { capacity } = this.layout;
    this.decoders.validate ??= new Decoder(this.job.spec, { capacity, distinct: false });
    return new TextFeed(sourceOf(inputs), this.decoders.validate);
  }

  private cachedFeed(
    inputs: readonly Input[],
    options: { kept?: readonly string[] | undefined; epochs?: number; distinct?: boolean },
  ): FileFeed | null {
    const { caches, job, layout, room } = this;
    if (!caches || !inputs.every((input) => "cache" in input)) return null;
    const { memory } = caches;
    return caches.feedOf(inputs as CachedInput[], { spec: job.spec, layout, memory, room, ...options });
  }
}

/** The files that a job learns or scores. @throws as `FileFeeds.open` */
export async function dataOf(job: Pick<Job, "kind" | "data" | "epochs" | "clicks">): Promise<readonly Input[]> {
  const { data, epochs } = job;
  if (!data.some(isCacheName)) return inputsFor(data, { epochs });
  return (await import("./cached-feeds.js")).cachedInputs(data, job)!;
}

/** Rooms in separate buffers. */
export function roomsOf({ bytes }: BatchLayout): Room[] {
  return Array.from({ length: IN_FLIGHT }, () => ({ buffer: new SharedArrayBuffer(bytes), base: 0 }));
}

/** Rooms that a kernel writes into. */
function roomsIn(memory: ColumnMemory, { bytes }: BatchLayout): Room[] {
  const bases = Array.from({ length: IN_FLIGHT }, () => memory.take(bytes));
  return bases.map((base) => ({ buffer: memory.memory.buffer, base }));
}
