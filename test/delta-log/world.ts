import type { Delivery, DeltaSink, DeltaSource, Entry, FollowFrom } from "../../src/delta-log/delta-log.js";
import { decodePart } from "../../src/delta-log/entry.js";
import type { Frame } from "../../src/delta-log/frame.js";
import { Publisher } from "../../src/delta-log/publisher.js";
import { Replica, type ReplicaModel } from "../../src/delta-log/replica.js";
import type { Packed, Publishable, ServingState } from "../../src/delta-log/state.js";
import { until } from "../until.js";

export const RUN = "0123456789abcdef";
export const SPEC = { name: "tiny" };

/** A model whose rows are a map: its prediction is its whole state. */
export class TinyModel implements ReplicaModel {
  readonly rows = new Map<bigint, number>();
  closed = false;

  apply(states: readonly ServingState[]): void {
    const tables = states.flatMap((state) => state.tables);
    for (const { keys, weights, removed } of tables) {
      for (const key of removed) this.rows.delete(key);
      keys.forEach((key, i) => {
        this.rows.set(key, weights[i]);
      });
    }
  }

  answer(): string {
    if (this.closed) throw new Error("a closed model was asked");
    return [...this.rows].sort(([a], [b]) => (a < b ? -1 : 1)).join(" ");
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** The trainer of a TinyModel. */
export class TinyTrainer extends TinyModel implements Publishable {
  private changed = new Set<bigint>();
  private removed = new Set<bigint>();

  learn(key: number, value: number): void {
    this.rows.set(BigInt(key), value);
    this.changed.add(BigInt(key));
    this.removed.delete(BigInt(key));
  }

  takeChanged(): readonly Uint32Array[] {
    const rows = [...this.changed].sort((a, b) => (a < b ? -1 : 1)).map(Number);
    this.changed = new Set();
    return [Uint32Array.from(rows)];
  }

  pack(changed: readonly Uint32Array[] | "all"): Packed {
    const keys = changed === "all" ? [...this.rows.keys()] : [...changed[0]].map(BigInt);
    const parts = Math.max(1, Math.ceil(keys.length / 3));
    const rows = this.rows;
    const empty = { name: "t", dim: 1, removed: new BigUint64Array() };
    function* states(): Generator<ServingState> {
      for (let part = 0; part < parts; part++) {
        const some = keys.slice(part * 3, part * 3 + 3);
        const weights = Float32Array.from(some, (key) => rows.get(key)!);
        yield { tables: [{ ...empty, keys: BigUint64Array.from(some), weights }], dense: [], statistics: null };
      }
    }
    return { parts, states };
  }
}

/** A log like a topic: all frames in the order they were written. */
export class MemoryLog {
  readonly frames: Frame[] = [];
  /** The prediction of each version. */
  readonly published = new Map<number, string>();

  sink(epoch: number): DeltaSink {
    return {
      needsSnapshot: async () => this.frames.length === 0,
      append: async (entry: Entry) => {
        for (const body of entry.bodies()) this.frames.push({ epoch, sent: 0, body });
      },
      close: async () => {},
    };
  }

  publisher(epoch: number, snapshotEvery: number, run = RUN): Publisher {
    return new Publisher({ sink: this.sink(epoch), spec: SPEC, run, snapshotEvery });
  }
}

/** A source over a MemoryLog; `tamper` may change, drop, repeat or reorder what follows the snapshot. */
export class MemorySource implements DeltaSource {
  private readonly log: MemoryLog;
  private readonly tamper: (frames: Frame[]) => (Frame | "damaged")[];
  private readonly onDelivered: () => Promise<void>;

  constructor(
    log: MemoryLog,
    tamper: (frames: Frame[]) => (Frame | "damaged")[] = (frames) => frames,
    onDelivered: () => Promise<void> = async () => {},
  ) {
    this.log = log;
    this.tamper = tamper;
    this.onDelivered = onDelivered;
  }

  async *follow(from: FollowFrom, signal: AbortSignal): AsyncGenerator<Delivery> {
    const start = this.newest(from);
    if (start === null) return;
    const { first, end } = start;
    for (const frame of this.log.frames.slice(first, end)) yield { type: "frame", frame };
    let caughtUp = false;
    for (let at = end; !signal.aborted; caughtUp = true) {
      const frames = this.log.frames.slice(at);
      at += frames.length;
      for (const frame of this.tamper(frames)) {
        yield frame === "damaged" ? { type: "damaged", reason: "test" } : { type: "frame", frame };
        await this.onDelivered();
      }
      if (!caughtUp) yield { type: "caught-up" };
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async close(): Promise<void> {}

  private newest(from: FollowFrom): { first: number; end: number } | null {
    const { frames } = this.log;
    for (let at = frames.length - 1; at >= 0; at--) {
      const { kind, number, part, parts, run } = decodePart(frames[at].body);
      if (kind !== "snapshot" || part !== parts - 1 || (from.run !== null && run !== from.run)) continue;
      if (from.accepts({ number, epoch: frames[at].epoch })) return { first: at - parts + 1, end: at + 1 };
    }
    return null;
  }
}

/** Runs steps one after the other, as a scorer runs requests. */
export function chain(): <T>(step: () => T | Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (step) => {
    const run = last.then(step);
    last = run.catch(() => undefined);
    return run;
  };
}

/** A replica that follows a log, with `end` to stop it and `reaches` to wait for a version. */
export function follow(source: DeltaSource) {
  const replica = new Replica({
    source,
    open: async () => new TinyModel(),
    exclusive: chain(),
    now: () => 77,
    retryMs: 1,
  });
  const stop = new AbortController();
  const following = replica.follow(stop.signal);
  const end = async () => {
    stop.abort();
    await following;
  };
  return { replica, end, reaches: (version: number) => until(() => replica.live?.version === version) };
}
