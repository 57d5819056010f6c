import { systemClock } from "../../core/clock.js";
import { closeAll, closingAfter } from "../../core/closing.js";
import { HashbrookError } from "../../core/errors.js";
import type { KafkaLog } from "../../sources/kafka/kafka-log.js";
import { specHash } from "../../spec/hash.js";
import type { EndedBy } from "../consumer.js";
import type { Job } from "../job.js";
import type { Report } from "../metrics/report.js";
import { keptAtFailure } from "../source-failure.js";
import { cutOff } from "./cut-off.js";
import { digestOf } from "./digest.js";
import { LaneWork } from "./lane-work.js";
import type { Learner } from "./learner.js";
import { type Opened, openParts } from "./opening.js";
import type { LaneShare, LanesOptions } from "./options.js";
import { isShardBlock } from "./owners/split-tables.js";
import type { RowTraffic } from "./owners/traffic.js";
import { joined, type LanesPosition, laneOf, startOf, widened } from "./position.js";
import { type LaneRecord, MOST_RECORD, MOST_REJECTED } from "./record.js";
import { RoundTimer } from "./round-timer.js";
import { inOrder, type Rounds, type RoundsPlan, refuseOtherRun } from "./rounds.js";
import { Takeover, takeoverAfter } from "./takeover.js";

const WAIT_MS = 20;
const PROGRESS_MS = 250;
/** With owners, after a stop: a process ends once no round was completed for this time, in ms. */
const SETTLED_MS = 500;
const STANDS_ALONE: LaneShare = { number: 0, of: 1 };

/**
 * Takes part in a run with lanes until the topic ends or a signal stops it.
 * @returns null if another process reports
 * @throws HashbrookError lanes_diverged if weights differ between processes; lanes_cut_off if no broker answers one of
 *   several processes; others as `openParts`, `beginTopic` and `LaneReader`
 */
export async function runLanes(job: Job, options: LanesOptions): Promise<Report | null> {
  try {
    const member = await Member.open(job, options);
    return await closingAfter(() => member.run(), member);
  } catch (error) {
    throw options.share || options.owners ? cutOff(error) : error;
  }
}

class Member {
  private readonly job: Job;
  private readonly options: LanesOptions;
  private readonly share: LaneShare;
  /** Aborted when the run is to stop, or its source has failed. */
  private readonly stop: AbortSignal;
  private readonly stopping: AbortController;
  private readonly learner: Learner;
  private readonly log: KafkaLog;
  private readonly rounds: Rounds;
  private readonly traffic: RowTraffic;
  private readonly isElsewhere: (block: string) => boolean;
  private work: LaneWork | null = null;
  private takeover: Takeover | null = null;
  private position: LanesPosition | null = null;
  private digest = "";
  /** Maximum number of events per lane in the current round. */
  private rows = 0;
  /** The topic has no end: a lane without events contributes after the linger. False: slow lanes are awaited. */
  private lingers = false;
  /** The checkpoint already includes all events up to the stops: this process was killed after saving it. */
  private hadEnded = false;
  /** Rounds grow during warm-up; false: all have their full size. */
  private grows = false;
  private told = 0;

  private constructor(job: Job, options: LanesOptions, stopping: AbortController, opened: Opened) {
    this.job = job;
    this.options = options;
    this.share = options.share ?? STANDS_ALONE;
    this.stopping = stopping;
    this.stop = stopping.signal;
    this.learner = opened.learner;
    this.log = opened.log;
    this.rounds = opened.rounds;
    this.traffic = opened.traffic;
    this.isElsewhere = options.owners ? isShardBlock(job.spec) : () => false;
  }

  static async open(job: Job, options: LanesOptions): Promise<Member> {
    const stopping = new AbortController();
    if (options.signal?.aborted) stopping.abort();
    options.signal?.addEventListener("abort", () => stopping.abort());
    return new Member(job, options, stopping, await openParts(job, options, stopping.signal));
  }

  async run(): Promise<Report | null> {
    if (!(await this.begin())) return this.learner.finish("stopped");
    if (this.hadEnded && !this.owns) return this.finish("end");
    for (;;) {
      const records = await this.collected();
      if (records === null) return this.stopped();
      if (!(await this.fold(records))) return this.stopped();
      this.report();
      if (!this.owns && records.every(({ ended }) => ended)) return this.finish("end");
    }
  }

  /** @returns false if stopped before */
  private async fold(records: readonly LaneRecord[]): Promise<boolean> {
    this.compare(records);
    const whole = await this.traffic.whole(records, this.stop);
    if (whole === null) return false;
    this.position = joined(
      this.at,
      records.map(({ position }) => position),
    );
    await this.learner.fold(whole, this.position);
    this.takeover?.folded(records);
    await this.goOn();
    return true;
  }

  private async finish(endedBy: EndedBy): Promise<Report | null> {
    const report = await this.learner.finish(endedBy);
    if (this.options.owners && report) await this.rounds.end();
    return report;
  }

  /** Follows rounds that owners may have folded already, since the last checkpoint contains the owners' rows. */
  private async stopped(): Promise<Report | null> {
    const { count } = this.job.spec.lanes!;
    for (let heard = systemClock.now(); this.options.owners && systemClock.now() - heard < SETTLED_MS; ) {
      const known = this.rounds.of(this.at.round);
      if (known.size < count) await this.rounds.wait(WAIT_MS);
      else if (await this.fold(inOrder(known))) heard = systemClock.now();
      else break;
    }
    return this.learner.finish("stopped");
  }

  /** Whether this process is an owner: it holds shards and works no lanes. */
  private get owns(): boolean {
    return this.options.owners !== null && this.options.owners.number !== null;
  }

  private get at(): LanesPosition {
    return this.position!;
  }

  /**
   * Agrees on the range of offsets to learn, and goes to the model's position.
   * @returns false if stopped before
   * @throws HashbrookError log_mismatch if the rounds topic is of another run; usage; as `beginTopic`
   */
  private async begin(): Promise<boolean> {
    const { log, learner } = this;
    const plan = await this.agree();
    if (plan === null) return false;
    const known = learner.position?.lanes ? learner.position : null;
    const { length: partitions } = plan.offsets;
    const place = known ? widened(known, partitions) : startOf(log.topic, plan.offsets, this.job.spec.lanes!.count);
    this.position = log.id === null ? place : { ...place, topic_id: log.id };
    const stops = plan.stops?.map(BigInt) ?? null;
    this.lingers = stops === null;
    this.hadEnded = known !== null && (stops?.every((stop, p) => BigInt(place.offsets[p]) >= stop) ?? false);
    this.grows = plan.grows === true;
    if (this.options.share) this.refuseLarge();
    if (!this.owns) await this.beginLanes(known ?? place, partitions, stops);
    if (!known) await learner.begin(this.at);
    await this.goOn();
    return true;
  }

  /** The plan that all processes of the run follow; null if stopped before. */
  private async agree(): Promise<RoundsPlan | null> {
    const { job, log, rounds } = this;
    const { boundsOfTopic } = await import("../../sources/kafka/open-topic.js");
    const spec_hash = specHash(job.spec);
    const plan = await rounds.agree(async () => {
      const { offsets, stops } = await boundsOfTopic(log, job.topic!);
      const owners = this.options.owners ? { owners: true as const } : {};
      return { spec_hash, offsets: offsets.map(String), stops: stops?.map(String) ?? null, grows: true, ...owners };
    }, this.stop);
    if (plan !== null) refuseOtherRun(plan, job, this.options.owners !== null);
    return plan;
  }

  /** Opens a reader for each lane: this process works its own ones, and those of processes that are silent. */
  private async beginLanes(
    { offsets, last = [], topic_id }: LanesPosition,
    partitions: number,
    stops: readonly bigint[] | null,
  ): Promise<void> {
    const { job, log, learner, rounds, traffic } = this;
    const { beginTopic } = await import("../../sources/kafka/open-topic.js");
    const { LaneReader } = await import("./lane-reader.js");
    await beginTopic(log, job.topic!, { offsets: offsets.map(BigInt), last, id: topic_id }, partitions);
    const { schemas } = learner;
    const lanes = Array.from({ length: job.spec.lanes!.count }, (_, lane) => lane);
    const optionsOf = (lane: number) => ({ lane, position: laneOf(this.at, lane), stops, schemas });
    const readers = lanes.map((lane) => new LaneReader(job, log, optionsOf(lane)));
    this.work = new LaneWork({ learner, rounds, traffic }, readers, this.share.number);
    const lingerMs = this.lingers ? job.lingerMs : 0;
    this.takeover = new Takeover(this.share, takeoverAfter(this.share, this.options.takeoverMs, lingerMs));
  }

  /** @throws HashbrookError usage if a lane's contribution may be too large for a message */
  private refuseLarge(): void {
    const { spec } = this.job;
    const bytes = this.learner.model.lanes!.mostBytes;
    if (bytes <= MOST_RECORD - 2 * MOST_REJECTED) return;
    const megabytes = Math.ceil(bytes / 2 ** 20);
    throw new HashbrookError(
      "usage",
      `train.round: a lane's contribution of ${spec.lanes!.round} events to a round may take ${megabytes} MiB`,
      {
        hint: `a message holds up to ${(MOST_RECORD - 2 * MOST_REJECTED) >> 20} MiB of it: use more lanes with a smaller round`,
      },
    );
  }

  /** Begins a round after the weights have changed: computes their digest, moves the readers to its position. */
  private async goOn(): Promise<void> {
    const { share, owners } = this.options;
    await this.traffic.begin(this.at.round);
    if (share || owners) this.digest = digestOf(this.learner.model, this.at.round, this.isElsewhere);
    this.rows = this.grows ? this.learner.laneRows : this.job.spec.lanes!.round;
    this.work?.begin({ at: this.at, rows: this.rows, digest: this.digest });
  }

  /** As `collect`. If the source fails, saves what was learned: a run can resume between any two rounds. */
  private async collected(): Promise<LaneRecord[] | null> {
    try {
      return await this.collect();
    } catch (error) {
      if (!(error instanceof HashbrookError)) throw error;
      // Saving must not wait forever for owners that do not answer.
      this.stopping.abort();
      throw await keptAtFailure(this.learner, error);
    }
  }

  /** The records of all lanes for the current round; null: stopped. */
  private async collect(): Promise<LaneRecord[] | null> {
    const { count, round } = this.job.spec.lanes!;
    const lanes = Array.from({ length: count }, (_, lane) => lane);
    const timer = new RoundTimer(this.lingers ? this.job.lingerMs : null);
    while (!this.stop.aborted) {
      const known = this.rounds.of(this.at.round);
      if (known.size === count) {
        await this.work?.sent();
        return inOrder(known);
      }
      if (this.owns && this.rounds.over) return null;
      const begun = timer.look(this.signsOf(known));
      const lacking = lanes.filter((lane) => !known.has(lane) && !this.rounds.isUnread(lane));
      const worked = await this.contribute(lacking, begun ?? { waited: 0, due: false });
      this.report();
      if (worked) continue;
      if (begun === null) await this.learner.idle();
      await this.work?.lookAhead(this.grows ? this.learner.laneRowsAfter : round);
      await Promise.race([this.log.wait(WAIT_MS), this.rounds.wait(WAIT_MS)]);
    }
    await this.work?.sent();
    return null;
  }

  private signsOf(known: ReadonlyMap<number, LaneRecord>) {
    const isNew = known.size > 0 || this.work?.atHand || this.log.hasUnread(this.at.offsets.map(BigInt));
    const isShort = [...known.values()].some(({ contribution }) => contribution.rows < this.rows);
    return { begins: isNew, closes: isShort };
  }

  /**
   * Contributes for lanes without a record. Those of other processes come after the own ones, whose work takes a while
   * in which others may send theirs.
   * @returns whether there were any whose events are complete, or due
   */
  private async contribute(
    lacking: readonly number[],
    { waited, due }: { waited: number; due: boolean },
  ): Promise<boolean> {
    if (!this.work || !this.takeover) return false;
    const { own, others } = this.takeover.of(lacking, waited);
    this.readEventsOf(others);
    return (await this.work.work(own, due)) || this.work.work(others, due);
  }

  /** Includes the partitions of lanes that were taken over; those of own lanes are read already. */
  private readEventsOf(lanes: readonly number[]): void {
    const { count } = this.job.spec.lanes!;
    for (const [partition, offset] of this.at.offsets.entries())
      if (lanes.includes(partition % count)) this.log.include(partition, BigInt(offset));
  }

  /** @throws HashbrookError lanes_diverged if a contribution was computed with other weights */
  private compare(records: readonly LaneRecord[]): void {
    const other = records.find(({ digest }) => digest !== this.digest);
    if (!other) return;
    throw new HashbrookError(
      "lanes_diverged",
      `round ${other.round}: lane ${other.lane} was computed with weights of digest ${other.digest}, those of this process have ${this.digest}`,
      {
        hint: "the weights of one process differ, as after a memory fault: stop all processes and restart them with --resume",
      },
    );
  }

  private report(): void {
    const now = systemClock.now();
    if (!this.options.onProgress || now - this.told < PROGRESS_MS) return;
    this.told = now;
    const progress = this.learner.progress();
    if (progress) this.options.onProgress({ ...progress, source: { ...this.log.state, lag: this.lags() } });
  }

  private lags(): number[] {
    return this.at.offsets.map((offset, p) => Number(this.log.end(p) - BigInt(offset)));
  }

  close(): Promise<void> {
    return closeAll(this.traffic, this.rounds, this.log, this.learner);
  }
}
