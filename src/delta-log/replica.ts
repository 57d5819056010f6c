import { HashbrookError } from "../core/errors.js";
import type { Delivery, DeltaSource } from "./delta-log.js";
import type { Counters, Live, ReplicaModel } from "./live.js";
import { LogReading, type Trouble } from "./log-reading.js";
import { pause } from "./pause.js";
import { WriterEpochs } from "./writer-epochs.js";

export type { Counters, Live, ReplicaModel } from "./live.js";

export interface ReplicaOptions<M> {
  readonly source: DeltaSource;
  /**
   * Makes the model a snapshot's compiled spec describes.
   * @throws HashbrookError log_mismatch where the spec does not have the hash `run`
   */
  readonly open: (spec: unknown, run: string) => Promise<M>;
  /** Runs a step while no answer is in the making. */
  readonly exclusive: <T>(step: () => T | Promise<T>) => Promise<T>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Before the log is read again, at first: doubles up to 5 s while nothing new comes of it. Default 20 ms. */
  readonly retryMs?: number;
  /** Told of every entry that became visible after the replica had caught up. */
  readonly onApplied?: (times: readonly number[]) => void;
}

/** How a replica stands. Ages in seconds; null before the first snapshot. */
export interface ReplicaStatus extends Readonly<Counters> {
  /** A snapshot was applied. */
  readonly ready: boolean;
  /** Of the newest entry applied. */
  readonly number: number | null;
  /** Examples learned by what answers. */
  readonly version: number | null;
  /** Generation of the writer followed. */
  readonly epoch: number | null;
  /** Since the newest applied entry was sent. */
  readonly staleness: number | null;
  /** Since the newest event that is visible; null where events have no time. */
  readonly eventAge: number | null;
  /** Why the trainer holds back what it has learned; null: it does not. */
  readonly held: string | null;
  /** Why the log could not be followed on, if it cannot now. */
  readonly trouble: string | null;
}

const RETRY_MS = 20;
const LONGEST_WAIT_MS = 5000;

/**
 * A model that follows a delta log. Entries are applied in the order of their numbers, each as a whole, between two answers.
 * What is damaged or foreign is passed over: the next entry's link proves whether anything is missing. After a gap or a conflict
 * the log is read again from its newest snapshot into a fresh model beside the old one, which answers until the fresh one has
 * caught up. Where that ends at the same gap, the missing entry or the next snapshot is waited for.
 */
export class Replica<M extends ReplicaModel> {
  private readonly options: ReplicaOptions<M>;
  private readonly branches = new WriterEpochs();
  private readonly counters: Counters = {
    applied: 0,
    duplicates: 0,
    ignored: 0,
    gaps: 0,
    conflicts: 0,
    damaged: 0,
    resyncs: 0,
  };
  private readonly counted = { number: -1, epoch: -1 };
  private serving: Live<M> | null = null;
  private trouble: string | null = null;

  constructor(options: ReplicaOptions<M>) {
    this.options = options;
  }

  /** The model that answers: null until a first snapshot was applied. Ask again for every answer. */
  get live(): Readonly<Live<M>> | null {
    return this.serving;
  }

  status(): ReplicaStatus {
    const { serving, counters, trouble } = this;
    const age = (ms: number | null | undefined) => (ms == null ? null : (this.options.now() - ms) / 1000);
    return {
      ...counters,
      ready: serving !== null,
      number: serving?.number ?? null,
      version: serving?.version ?? null,
      epoch: serving?.epoch ?? null,
      staleness: age(serving?.sent),
      eventAge: age(serving?.newestEvent),
      held: serving?.held ?? null,
      trouble,
    };
  }

  /** Follows the log until `signal` aborts; then the model goes on answering as it is. */
  async follow(signal: AbortSignal): Promise<void> {
    const first = this.options.retryMs ?? RETRY_MS;
    let reached = -1;
    let lost: number | null = null;
    for (let wait = first; !signal.aborted; ) {
      this.trouble = await this.read(lost, signal);
      if (signal.aborted) return;
      if (this.serving) this.counters.resyncs++;
      // Reading the same entries into a fresh model again is nothing new.
      const number = this.serving?.number ?? -1;
      lost = this.trouble === "gap" && this.serving ? number + 1 : null;
      wait = number > reached ? first : Math.min(wait * 2, LONGEST_WAIT_MS);
      reached = Math.max(reached, number);
      await pause(wait, signal);
    }
  }

  async close(): Promise<void> {
    const { serving } = this;
    this.serving = null;
    await serving?.model.close();
  }

  /** Reads the log from a snapshot on, until something is wrong; returns what. */
  private async read(lost: number | null, signal: AbortSignal): Promise<string> {
    const pass: LogReading<M> = new LogReading<M>({
      open: this.options.open,
      run: this.serving?.run ?? null,
      branches: this.branches,
      counters: this.counters,
      counted: this.counted,
      lost,
      change: (step) => (this.serving === pass.live ? this.change(step) : step()),
    });
    const following = { pass, caughtUp: false };
    try {
      for await (const delivery of this.options.source.follow(pass, signal)) {
        const trouble = await this.take(delivery, following);
        if (trouble) return trouble;
      }
      return "the log ended";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      if (pass.live === null || pass.live !== this.serving) await pass.abandon();
    }
  }

  private async take(delivery: Delivery, following: { pass: LogReading<M>; caughtUp: boolean }): Promise<Trouble> {
    const { pass } = following;
    const wasCaughtUp = following.caughtUp && this.serving === pass.live;
    if (delivery.type === "caught-up") following.caughtUp = true;
    if (delivery.type === "damaged") pass.damage();
    const result = delivery.type === "frame" ? await pass.take(delivery.frame) : null;
    if (typeof result === "string") return result;
    await this.promote(following);
    if (delivery.type === "waiting") this.trouble = delivery.reason;
    else if (this.serving === pass.live) this.trouble = waitsFor(pass.missing);
    if (result && wasCaughtUp) this.options.onApplied?.(result.times);
    return null;
  }

  /** Changes the model that answers. A change that fails half-way leaves nothing to answer with; one that could not be stored was not begun. */
  private change(step: () => Promise<void>): Promise<void> {
    return this.options.exclusive(async () => {
      try {
        await step();
      } catch (error) {
        if (!isUnstored(error)) this.serving = null;
        throw error;
      }
    });
  }

  /** Lets the pass's model answer when it is as good as the one that does. */
  private async promote({ pass, caughtUp }: { pass: LogReading<M>; caughtUp: boolean }): Promise<void> {
    const { live } = pass;
    const { serving } = this;
    if (!live || live === serving) return;
    if (serving && !caughtUp && live.number <= serving.number) return;
    await this.options.exclusive(() => {
      this.serving = live;
    });
    await serving?.model.close();
  }
}

const isUnstored = (error: unknown) => error instanceof HashbrookError && error.code.startsWith("row_store_");

function waitsFor(missing: number | null): string | null {
  return missing === null ? null : `entry ${missing} is missing: waits for it, or for the next snapshot`;
}
