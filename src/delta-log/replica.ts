import { type Clock, systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { Told } from "../core/told.js";
import { ClockSkew } from "./clock-skew.js";
import type { Delivery, DeltaSource } from "./delta-log.js";
import type { Counters, Live, ReplicaModel } from "./live.js";
import { LogReading, type Trouble } from "./log-reading.js";
import { pause } from "./pause.js";
import { ageAt } from "./times.js";
import { WriterEpochs } from "./writer-epochs.js";

export type { Counters, Live, ReplicaModel } from "./live.js";

export interface ReplicaOptions<M> {
  readonly source: DeltaSource;
  /**
   * Creates the model of a snapshot's compiled spec.
   * @param bytes what its weights take in f32, at least
   * @throws HashbrookError log_mismatch if the spec does not have the hash `run`; memory_short
   */
  readonly open: (spec: unknown, run: string, bytes: number) => Promise<M>;
  /** Runs a step while no answer is being computed. */
  readonly exclusive: <T>(step: () => T | Promise<T>) => Promise<T>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Times the age of what has arrived. Default: the system's. */
  readonly clock?: Clock;
  /** Initial delay before the log is read again; doubles up to 5 s while nothing new comes of it. Default 20 ms. */
  readonly retryMs?: number;
  /** Time after which it is reported that nothing was found in the log. Default 10 s. */
  readonly quietMs?: number;
  /** Called for every entry that became visible after the replica had caught up. */
  readonly onApplied?: (times: readonly number[]) => void;
  /** Called with why the log cannot be read: once with each reason, until it could be read again. */
  readonly onTrouble?: ((reason: string) => void) | undefined;
}

/** The status of a replica. Ages in seconds; null before the first snapshot. */
export interface ReplicaStatus extends Readonly<Counters> {
  /** A snapshot was applied. */
  readonly ready: boolean;
  /** Number of the newest entry applied. */
  readonly number: number | null;
  /** Examples learned by the model that answers. */
  readonly version: number | null;
  /** Generation of the writer that is followed. */
  readonly epoch: number | null;
  /**
   * Time since the newest applied entry was sent, or at least since it arrived. A difference between the clocks of the writer and of
   * this machine is left out once an entry has arrived that was not in the log before.
   */
  readonly staleness: number | null;
  /** Time since the newest visible event; null if events have no time. */
  readonly eventAge: number | null;
  /** Why the trainer withholds changes; null: it does not. */
  readonly held: string | null;
  /** Why the log cannot be followed now; null: it can. */
  readonly trouble: string | null;
}

const RETRY_MS = 20;
const LONGEST_WAIT_MS = 5000;
/** A log in which nothing was found for so long may be the wrong one. */
const QUIET_MS = 10_000;

/**
 * A model that follows a delta log. Entries are applied in the order of their numbers, each as a whole, between two
 * answers. Damaged or foreign messages are skipped: the next entry's link shows whether anything is missing. After a
 * gap or a conflict the log is read again from its newest snapshot into a new model, while the old one answers until
 * the new one has caught up. If that ends at the same gap, it waits for the missing entry or the next snapshot.
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
  /** The newest entry applied: when it was sent, and when it arrived by `clock`. */
  private arrived = { sent: Number.NaN, at: 0 };
  private readonly skew = new ClockSkew();
  private trouble: string | null = null;
  private readonly told: Told;
  /** Something of the log was read. */
  private heard = false;
  /** The newest damage that was found. */
  private damage: string | null = null;
  /** Of other models, whose entries may come again at any time. */
  private readonly toldOfOthers: Told;

  constructor(options: ReplicaOptions<M>) {
    this.options = options;
    this.told = new Told(options.onTrouble);
    this.toldOfOthers = new Told(options.onTrouble);
  }

  /** The model that answers; null until the first snapshot was applied. Read it again for every answer. */
  get live(): Readonly<Live<M>> | null {
    return this.serving;
  }

  status(): ReplicaStatus {
    const { serving, counters, trouble } = this;
    const age = (ms: number | null | undefined, ahead = 0) => (ms == null ? null : this.age(ms + ahead));
    return {
      ...counters,
      ready: serving !== null,
      number: serving?.number ?? null,
      version: serving?.version ?? null,
      epoch: serving?.epoch ?? null,
      staleness: age(serving?.sent, this.skew.ahead),
      eventAge: age(serving?.newestEvent),
      held: serving?.held ?? null,
      trouble: trouble ?? (serving ? null : this.noSnapshot),
    };
  }

  /**
   * Seconds since something that the newest entry tells. It is at least as old as its arrival: clocks of machines differ, and
   * are set back.
   */
  private age(time: number): number {
    const { now, clock = systemClock } = this.options;
    return Math.max(ageAt(now(), time), (clock.now() - this.arrived.at) / 1000);
  }

  /** @param atOnce it was not in the log before, so its delay tells how the clocks differ */
  private arrive(atOnce: boolean): void {
    const { now, clock = systemClock } = this.options;
    const { sent } = this.serving ?? this.arrived;
    if (sent !== this.arrived.sent) this.arrived = { sent, at: clock.now() };
    if (atOnce) this.skew.add(now() - sent, clock.now());
  }

  /** Follows the log until `signal` aborts; the model can still answer afterwards. */
  async follow(signal: AbortSignal): Promise<void> {
    const first = this.options.retryMs ?? RETRY_MS;
    let reached = -1;
    let lost: number | null = null;
    void this.tellQuiet(signal);
    for (let wait = first; !signal.aborted; ) {
      this.trouble = await this.read(lost, signal);
      if (signal.aborted) return;
      if (this.serving) this.counters.resyncs++;
      // Reading the same entries into a new model again is no progress.
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
      const reason = error instanceof Error ? error.message : String(error);
      if (!signal.aborted) this.told.tell(reason);
      return reason;
    } finally {
      if (pass.live === null || pass.live !== this.serving) await pass.abandon();
    }
  }

  private async take(delivery: Delivery, following: { pass: LogReading<M>; caughtUp: boolean }): Promise<Trouble> {
    const { pass } = following;
    this.heard ||= delivery.type === "frame";
    const wasCaughtUp = following.caughtUp && this.serving === pass.live;
    if (delivery.type === "caught-up") following.caughtUp = true;
    if (delivery.type === "damaged") {
      pass.damage();
      this.damage = delivery.reason;
    }
    const result = delivery.type === "frame" ? await pass.take(delivery.frame) : null;
    if (typeof result === "string") return result;
    await this.promote(following);
    this.arrive(result !== null && wasCaughtUp);
    if (delivery.type === "waiting") {
      this.trouble = delivery.reason;
      this.told.tell(delivery.reason);
    } else if (this.serving === pass.live) {
      this.trouble = waitsFor(pass.missing);
      if (this.serving) this.told.clear();
      if (pass.stranger !== null) this.meet(pass.stranger);
    }
    if (result && wasCaughtUp) this.options.onApplied?.(result.times);
    return null;
  }

  private get noSnapshot(): string {
    return this.damage === null ? NO_SNAPSHOT : `the log has no snapshot that can be read: ${this.damage}`;
  }

  private async tellQuiet(signal: AbortSignal): Promise<void> {
    await pause(this.options.quietMs ?? QUIET_MS, signal);
    if (!signal.aborted && !this.heard && this.trouble === null) this.told.tell(this.noSnapshot);
  }

  /** The log contains entries of another model: its own may be over. */
  private meet(run: string): void {
    const reason = `its newest entries are of another model (spec ${run}): start the server again to serve that one, or publish it to a log of its own`;
    this.trouble ??= reason;
    this.toldOfOthers.tell(reason);
  }

  /**
   * Changes the model that answers. A change that fails half-way leaves no usable model; one that could not be stored
   * was not begun.
   */
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

  /** Lets a reading's model answer once it is as recent as the current one. */
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

/** A log that does not exist yet looks like one at a wrong address. */
const NO_SNAPSHOT = "the log has no snapshot yet: is its address right, and does a trainer publish to it?";

function waitsFor(missing: number | null): string | null {
  return missing === null ? null : `entry ${missing} is missing: waiting for it, or for the next snapshot`;
}
