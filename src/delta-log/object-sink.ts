import { HashbrookError } from "../core/errors.js";
import type { ObjectStore } from "../object-store/object-store.js";
import type { DeltaSink, Entry, WriterFacts } from "./delta-log.js";
import { readFacts } from "./entry.js";
import { sealFrame } from "./frame.js";
import { HEAD_KEY, headBytes, isGone, type ObjectHead, objectKey, parseHead, withEntry } from "./object-head.js";
import { takesOver } from "./taken-over.js";

/** Approximate size of an object: what a writer and a follower hold at once. */
const OBJECT_BYTES = 8 << 20;
/** Attempts to write a head that somebody else changes at the same time. */
const ATTEMPTS = 5;

/**
 * Writes the delta log as immutable objects, whose names contain the writer's generation, and a head that lists which
 * of them count. The head is written only if unchanged since it was read, so a writer that was superseded cannot
 * continue.
 */
export class ObjectSink implements DeltaSink {
  private readonly store: ObjectStore;
  private readonly writer: WriterFacts;
  private head: ObjectHead | null = null;
  private tag: string | null = null;
  /** There is no snapshot of the writer's model, but of another one. */
  private foreign = false;

  private readonly objectBytes: number;

  private constructor(store: ObjectStore, writer: WriterFacts, objectBytes: number) {
    this.store = store;
    this.writer = writer;
    this.objectBytes = objectBytes;
  }

  /** @throws HashbrookError store_unreachable, store_refused, log_damaged, log_fenced */
  static async open(store: ObjectStore, writer: WriterFacts, objectBytes = OBJECT_BYTES): Promise<ObjectSink> {
    const sink = new ObjectSink(store, writer, objectBytes);
    await sink.load();
    sink.foreign = takesOver(writer, store.url, sink.head?.run ?? null);
    return sink;
  }

  async needsSnapshot(): Promise<boolean> {
    return this.foreign || !this.head?.snapshots.length;
  }

  async append(entry: Entry): Promise<void> {
    const run = await this.writeObjects(entry);
    for (let attempt = 1; !(await this.point(entry, run)); attempt++) {
      if (attempt === ATTEMPTS) throw contended(this.store.url);
      await this.load();
    }
    this.foreign &&= entry.kind !== "snapshot";
    if (entry.kind === "snapshot") await this.prune();
  }

  async close(): Promise<void> {}

  /** @returns the run that the entry belongs to */
  private async writeObjects(entry: Entry): Promise<string> {
    const { epoch, now } = this.writer;
    let run: string | undefined;
    let frames: Uint8Array[] = [];
    let index = 0;
    const flush = async () => {
      const key = objectKey(epoch, entry, index++);
      // If it exists, an earlier attempt wrote it without receiving the response.
      await this.store.write(key, Buffer.concat(frames), { only: "absent", immutable: true });
      frames = [];
    };
    for (const body of entry.bodies()) {
      run ??= readFacts(body).run;
      frames.push(sealFrame({ epoch, sent: now(), body }));
      if (frames.reduce((sum, { length }) => sum + length, 0) >= this.objectBytes) await flush();
    }
    if (frames.length > 0) await flush();
    return run!;
  }

  /** Adds the entry to the head. @returns false if another writer has changed the head */
  private async point(entry: Entry, run: string): Promise<boolean> {
    const head = withEntry(this.head, entry, { run, epoch: this.writer.epoch });
    const only = this.tag === null ? ("absent" as const) : { tag: this.tag };
    const tag = await this.store.write(HEAD_KEY, headBytes(head), { only, immutable: false });
    if (tag === null) return false;
    this.head = head;
    this.tag = tag;
    return true;
  }

  private async load(): Promise<void> {
    const found = await this.store.read(HEAD_KEY);
    [this.head, this.tag] = found && found !== "known" ? [parseHead(found.bytes), found.tag] : [null, null];
    const later = this.head?.spans.at(-1)?.epoch ?? 0;
    const { epoch } = this.writer;
    if (later <= epoch) return;
    throw new HashbrookError("log_fenced", `${this.store.url}: writer ${later} has taken over from ${epoch}`, {
      hint: "another trainer was started for the same run: let only that one continue",
    });
  }

  /** Removes objects from which no follower will begin. */
  private async prune(): Promise<void> {
    const keys = await this.store.list();
    await this.store.remove(keys.filter((key) => isGone(this.head!, key)));
  }
}

function contended(url: string): HashbrookError {
  return new HashbrookError("log_fenced", `${url}: another process keeps writing ${HEAD_KEY}`, {
    hint: "publish to a log from one trainer at a time: stop the other one",
  });
}
