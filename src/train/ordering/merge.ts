import { firstFrom, type MessagePrint, type Messages, printOf } from "../../sources/messages.js";
import type { Chunk, PartitionedLog } from "../../sources/partitioned-log.js";

/** A position in a topic: everything before it was learned. Plain JSON, part of every checkpoint. */
export interface TopicPosition {
  readonly topic: string;
  /** The next offset of every partition, in decimal digits. */
  readonly offsets: readonly string[];
  /** The partition whose turn it is, and how many of its messages this turn has used. */
  readonly turn: number;
  readonly taken: number;
  /** Messages before this position, in all partitions. */
  readonly messages: number;
  /** The last message before this position in every partition, null if there is none; used to recognise the topic. */
  readonly last?: readonly (MessagePrint | null)[];
  /** The topic's id, which distinguishes it from another topic of the same name. Absent if the brokers report none. */
  readonly topic_id?: string;
}

/**
 * A decision that depended on the clock or on what had arrived, and must be repeated in a replay: after `at` messages
 *
 * - turn: the turn went to another partition than the next one;
 * - close: the batch was closed before it was full;
 * - partitions: this number of partitions take turns from here on, since the topic was given more (also recorded at the
 *   beginning);
 * - anew: decisions about later positions are void, since messages that they refer to were lost.
 */
export type MergeDecision =
  | { readonly kind: "turn"; readonly at: number; readonly partition: number }
  | { readonly kind: "close"; readonly at: number }
  | { readonly kind: "partitions"; readonly at: number; readonly count: number }
  | { readonly kind: "anew"; readonly at: number };

/** Consecutive messages of one partition, not yet taken. */
export interface MessageRun {
  readonly partition: number;
  readonly messages: Messages;
  readonly from: number;
  readonly to: number;
}

/** The decisions of a merge that is ahead: the last one is a close, after which nothing is known yet. */
export interface Lead {
  readonly next: MergeDecision;
  shift(): void;
}

/** Messages per partition and turn. */
export const TURN = 256;

/**
 * Merges the partitions of a log into one order that a replay reproduces: round robin, `TURN` messages per turn. A
 * partition that is empty (according to the log: slow is not empty) is skipped; that, and closing a batch while all
 * partitions are empty, are decisions. The same messages and the same decisions give the same order; a log that is no
 * longer written to gives the same decisions. Partitions that are new since `position` join when nothing is left to
 * replay.
 */
export class Merge {
  private readonly log: PartitionedLog;
  private readonly offsets: bigint[];
  private readonly stops: readonly bigint[] | null;
  private readonly lead: Lead | null;
  private replay: readonly MergeDecision[];
  /** Number of the replay's decisions that were followed. */
  private followed = 0;
  /** Number of partitions (the first ones) that take turns; 0: not decided yet. */
  private width: number;
  private losses = 0;
  private fresh: MergeDecision[] = [];
  private turn: number;
  private taken: number;
  private messages: number;
  private readonly last: (MessagePrint | null)[];
  private readonly id: string | undefined;
  private gaps = false;

  /**
   * @param position its offsets are those of the partitions that took turns then
   * @param replay decisions made after `position` by an earlier run: they are followed before any new one is made
   * @param stops offsets to stop at, by partition; null = never
   * @param offsets where to begin, by partition; by default the position's, and 0 in new partitions
   * @param lead another merge whose decisions this one follows, making none; null: none
   */
  constructor(
    log: PartitionedLog,
    position: TopicPosition,
    replay: readonly MergeDecision[] = [],
    stops: readonly bigint[] | null = null,
    offsets: readonly bigint[] = [],
    lead: Lead | null = null,
  ) {
    this.log = log;
    this.lead = lead;
    this.id = position.topic_id;
    this.offsets = Array.from({ length: log.partitions }, (_, p) => offsets[p] ?? BigInt(position.offsets[p] ?? 0));
    this.width = position.messages > 0 ? position.offsets.length : 0;
    this.stops = stops;
    // A run that was stopped during its replay has recorded its own position after the later ones of the earlier run.
    this.replay = replay.filter(({ at }) => at >= position.messages).sort((a, b) => a.at - b.at);
    this.turn = position.turn;
    this.taken = position.taken;
    this.messages = position.messages;
    this.last = Array.from({ length: log.partitions }, (_, p) => position.last?.[p] ?? null);
  }

  get position(): TopicPosition {
    const { turn, taken, messages, width } = this;
    return {
      topic: this.log.topic,
      offsets: this.offsets.slice(0, width || undefined).map(String),
      turn,
      taken,
      messages,
      ...(this.last.some((print) => print !== null) && { last: this.last.slice(0, width || undefined) }),
      ...(this.id !== undefined && { topic_id: this.id }),
    };
  }

  /** Whether the position moved past offsets without messages since the last call of `takeDecisions`. */
  get passedGaps(): boolean {
    return this.gaps;
  }

  /** The decisions made since the last call, without those of a replay. */
  takeDecisions(): MergeDecision[] {
    const { fresh } = this;
    this.fresh = [];
    this.gaps = false;
    return fresh;
  }

  /**
   * What comes next: messages to `take` from; "close": the batch ends here; "wait": nothing is available; "end": all
   * partitions have reached their stops.
   * @param due whether a batch with events in it has waited long enough
   */
  next(due: boolean): MessageRun | "close" | "wait" | "end" {
    if (this.log.losses > this.losses) this.decideAnew();
    for (;;) {
      if (this.follow()) return "close";
      this.widen();
      const run = this.run();
      if (run) return run;
      if (this.known) return "wait";
      const partition = this.nextBusy();
      if (partition === this.turn) return "wait";
      if (partition === undefined) return this.quiet(due);
      this.decide({ kind: "turn", at: this.messages, partition });
    }
  }

  /** The first `count` messages of the last run have been used. */
  take(run: MessageRun, count: number): void {
    if (count === 0) return;
    const end = run.from + count;
    const { partition } = run;
    const head = this.log.head(partition)!;
    this.last[partition] = printOf(run.messages, end - 1);
    if (end === head.messages.length) {
      this.offsets[partition] = head.next;
      this.log.shift(partition);
    } else this.offsets[partition] = BigInt(run.messages.offsets[end - 1]) + 1n;
    this.messages += count;
    this.taken += count;
    if (this.taken === TURN) this.give((partition + 1) % this.width);
  }

  /** The next decision to follow instead of making one. */
  private get known(): MergeDecision | undefined {
    return this.lead?.next ?? this.replay[this.followed];
  }

  /** Follows the known decisions at this position. @returns true at a close */
  private follow(): boolean {
    for (let decision = this.known; decision?.at === this.messages; decision = this.known) {
      if (this.lead) this.lead.shift();
      else this.followed++;
      if (decision.kind === "close") return true;
      if (decision.kind === "turn") this.give(decision.partition);
      if (decision.kind === "partitions") this.width = decision.count;
    }
    return false;
  }

  /** Lets all partitions take turns, once no replay limits their number. */
  private widen(): void {
    const { partitions } = this.log;
    const replaying = this.known !== undefined;
    if (this.width === partitions || (replaying && this.width > 0)) return;
    this.width = partitions;
    if (!replaying) this.fresh.push({ kind: "partitions", at: this.messages, count: partitions });
  }

  /** Messages were lost: decisions about them can no longer be followed. */
  private decideAnew(): void {
    this.losses = this.log.losses;
    const ahead = this.replay.slice(this.followed);
    this.replay = ahead.filter(({ at }) => at === this.messages);
    this.followed = 0;
    if (this.replay.length < ahead.length) this.fresh.push({ kind: "anew", at: this.messages });
  }

  private decide(decision: Extract<MergeDecision, { kind: "turn" }>): void {
    this.fresh.push(decision);
    this.give(decision.partition);
  }

  private give(partition: number): void {
    this.turn = partition;
    this.taken = 0;
  }

  /**
   * The available messages of the partition whose turn it is: up to the end of the turn and to the next decision of a
   * replay.
   */
  private run(): MessageRun | null {
    const partition = this.turn;
    const head = this.headOf(partition);
    if (!head) return null;
    const { messages } = head;
    const from = firstFrom(messages, this.offsets[partition]);
    const ahead = this.known ? this.known.at - this.messages : TURN;
    const to = this.beforeStop(
      partition,
      messages,
      from,
      Math.min(messages.length, from + TURN - this.taken, from + ahead),
    );
    return to > from ? { partition, messages, from, to } : null;
  }

  /** The first chunk that still has messages; chunks that consist of gaps are skipped. */
  private headOf(partition: number): Chunk | undefined {
    for (let head = this.log.head(partition); head; head = this.log.head(partition)) {
      const { length, offsets } = head.messages;
      if (length > 0 && offsets[length - 1] >= this.offsets[partition]) return head;
      if (head.next > this.offsets[partition]) {
        this.offsets[partition] = head.next;
        this.gaps = true;
      }
      this.log.shift(partition);
    }
    return undefined;
  }

  private beforeStop(partition: number, messages: Messages, from: number, to: number): number {
    const stop = this.stops?.[partition];
    if (stop === undefined || to === from || messages.offsets[to - 1] < stop) return to;
    return Math.min(to, firstFrom(messages, stop));
  }

  /** Starting with the partition whose turn it is, the first one that is not known to be empty. */
  private nextBusy(): number | undefined {
    for (let step = 0; step < this.width; step++) {
      const partition = (this.turn + step) % this.width;
      if (!this.stopped(partition) && !this.idle(partition)) return partition;
    }
    return undefined;
  }

  private idle(partition: number): boolean {
    return this.headOf(partition) === undefined && this.log.idle(partition, this.offsets[partition]);
  }

  private stopped(partition: number): boolean {
    const stop = this.stops?.[partition];
    return stop !== undefined && this.offsets[partition] >= stop;
  }

  private quiet(due: boolean): "close" | "wait" | "end" {
    if (this.stops && this.offsets.every((_, partition) => this.stopped(partition))) return "end";
    if (!due) return "wait";
    this.fresh.push({ kind: "close", at: this.messages });
    return "close";
  }
}
