import { systemClock } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import type { KafkaLog } from "../../sources/kafka/kafka-log.js";
import { specHash } from "../../spec/hash.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../report.js";
import { digestOf } from "./digest.js";
import type { LaneReader } from "./lane-reader.js";
import { type Learner, Replica, Writer } from "./learner.js";
import { joined, type LanesPosition, laneOf, startOf } from "./position.js";
import { type LaneRecord, recordOf } from "./record.js";
import { LocalRounds, type Rounds } from "./rounds.js";

/** Which lanes a process works: those ≡ `number` (mod `of`). */
export interface LaneShare {
  /** From 0 on. */
  readonly number: number;
  /** Processes that share the lanes. */
  readonly of: number;
}

/** How a process takes part in a run of lanes. */
export interface LanesOptions {
  /** null: all lanes are this process's, and nothing is told to others. */
  readonly share: LaneShare | null;
  /** The topic that carries what lanes bring; there with `share`. */
  readonly roundsTopic: string | null;
  /** How long a lane may tell nothing before another process works it too, in ms. */
  readonly takeoverMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const TAKEOVER_MS = 3_000;
const WAIT_MS = 20;
const PROGRESS_MS = 250;
const STANDS_ALONE: LaneShare = { number: 0, of: 1 };

/**
 * Takes part in a run of lanes until the topic's end or a signal.
 * @returns null where another process reports
 * @throws lanes_diverged where processes have other weights; as `Trainer.open` and topics
 */
export async function runLanes(job: Job, options: LanesOptions): Promise<Report | null> {
  const member = await Member.open(job, options);
  try {
    return await member.run();
  } finally {
    await member.close();
  }
}

class Member {
  private readonly job: Job;
  private readonly options: LanesOptions;
  private readonly share: LaneShare;
  private readonly stop: AbortSignal;
  private readonly learner: Learner;
  private readonly log: KafkaLog;
  private readonly rounds: Rounds;
  private readers: readonly LaneReader[] = [];
  private position: LanesPosition | null = null;
  private digest = "";
  /** False where the topic has an end: then slow is not silent. */
  private lingers = false;
  private told = 0;

  private constructor(
    job: Job,
    options: LanesOptions,
    { learner, log, rounds }: { learner: Learner; log: KafkaLog; rounds: Rounds },
  ) {
    this.job = job;
    this.options = options;
    this.share = options.share ?? STANDS_ALONE;
    this.stop = options.signal ?? new AbortController().signal;
    this.learner = learner;
    this.log = log;
    this.rounds = rounds;
  }

  static async open(job: Job, options: LanesOptions): Promise<Member> {
    const { KafkaLog } = await import("../../sources/kafka/kafka-log.js");
    const { kafka, topic, group, onLost } = job.topic!;
    const { share, roundsTopic } = options;
    const stop = options.signal ?? new AbortController().signal;
    const learner = (share?.number ?? 0) === 0 ? await Writer.open(job, systemClock, stop) : await Replica.open(job);
    const alone = `${group}.lanes.${process.pid}.${systemClock.now()}`;
    try {
      const log = await KafkaLog.join({
        kafka,
        topic,
        group: alone,
        onLost,
        membership: { id: null, named: () => {} },
      });
      const rounds = share ? await kafkaRounds(job, roundsTopic, alone) : new LocalRounds();
      return new Member(job, options, { learner, log, rounds });
    } catch (error) {
      await learner.close();
      throw error;
    }
  }

  async run(): Promise<Report | null> {
    await this.begin();
    for (;;) {
      const records = await this.collect();
      if (records === null) return this.learner.finish("stopped");
      this.compare(records);
      this.position = joined(
        this.at,
        records.map(({ position }) => position),
      );
      await this.learner.fold(records, this.position);
      this.goOn();
      this.report();
      if (records.every(({ ended }) => ended)) return this.learner.finish("end");
    }
  }

  private get at(): LanesPosition {
    return this.position!;
  }

  /** Agrees on the topic's stretch and goes to where the model stands. */
  private async begin(): Promise<void> {
    const { job, log, learner, rounds } = this;
    const { boundsOfTopic, beginTopic } = await import("../../sources/kafka/open-topic.js");
    const { LaneReader } = await import("./lane-reader.js");
    const spec_hash = specHash(job.spec);
    const plan = await rounds.agree(async () => {
      const { offsets, stops } = await boundsOfTopic(log, job.topic!);
      return { spec_hash, offsets: offsets.map(String), stops: stops?.map(String) ?? null };
    });
    if (plan.spec_hash !== spec_hash)
      throw new HashbrookError(
        "log_mismatch",
        `the topic of rounds is of spec ${plan.spec_hash}, this one is ${spec_hash}`,
        {
          hint: "give all processes of a run the same spec, and every run a topic of its own: --rounds-topic",
        },
      );
    const { count } = job.spec.lanes!;
    const known = learner.position?.lanes ? learner.position : null;
    this.position = known ?? startOf(log.topic, plan.offsets, count);
    const { offsets, last = [] } = this.at;
    await beginTopic(log, job.topic!, { offsets: offsets.map(BigInt), last });
    const stops = plan.stops?.map(BigInt) ?? null;
    this.lingers = stops === null;
    this.readers = Array.from({ length: count }, (_, l) => new LaneReader(job.spec, log, l, laneOf(this.at, l), stops));
    if (!known) await learner.begin(this.at);
    this.goOn();
  }

  /** The weights have changed: what contributions are made by from now on, and where lanes go on. */
  private goOn(): void {
    if (this.options.share) this.digest = digestOf(this.learner.model, this.at.round);
    for (const [lane, reader] of this.readers.entries()) {
      const place = laneOf(this.at, lane);
      if (reader.messages > 0 || !reader.isAt(place)) reader.goTo(place);
    }
  }

  /** What all lanes bring to the round at hand; null: stop. */
  private async collect(): Promise<LaneRecord[] | null> {
    const { count } = this.job.spec.lanes!;
    const sent = new Set<number>();
    let begun: number | null = null;
    while (!this.stop.aborted) {
      const known = this.rounds.of(this.at.round);
      if (known.size === count) return Array.from({ length: count }, (_, lane) => known.get(lane)!);
      const now = systemClock.now();
      if (begun === null && (known.size > 0 || this.readers.some(({ atHand }) => atHand))) begun = now;
      const due = this.lingers && begun !== null && now - begun >= this.job.lingerMs;
      let worked = false;
      for (let lane = 0; lane < count; lane++) {
        const mine = this.works(lane, begun === null ? 0 : now - begun) && !known.has(lane) && !sent.has(lane);
        if (mine && (await this.work(lane, due))) {
          sent.add(lane);
          worked = true;
        }
      }
      this.report();
      if (!worked) await Promise.race([this.log.wait(WAIT_MS), this.rounds.wait(WAIT_MS)]);
    }
    return null;
  }

  /** Whether a lane is worked here: it is of this process's share, or has told nothing for too long. */
  private works(lane: number, waited: number): boolean {
    const { number, of } = this.share;
    return lane % of === number % of || waited >= (this.options.takeoverMs ?? TAKEOVER_MS) * (1 + number / of);
  }

  /** @returns false where the lane has no whole round of events yet */
  private async work(lane: number, due: boolean): Promise<boolean> {
    const events = this.readers[lane].poll(due);
    if (events === null) return false;
    const contribution = await this.learner.model.lanes!.contribute(events.batch, lane);
    await this.rounds.send(recordOf({ round: this.at.round, lane, digest: this.digest }, events, contribution));
    return true;
  }

  /** @throws lanes_diverged */
  private compare(records: readonly LaneRecord[]): void {
    const other = records.find(({ digest }) => digest !== this.digest);
    if (!other) return;
    throw new HashbrookError(
      "lanes_diverged",
      `round ${other.round}: lane ${other.lane} was worked with weights ${other.digest}, this process has ${this.digest}`,
      {
        hint: "one of the processes has other weights, as a fault of its memory gives: end all, and begin them again with --resume",
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

  async close(): Promise<void> {
    await this.rounds.close();
    await this.log.close();
    await this.learner.close();
  }
}

async function kafkaRounds(job: Job, topic: string | null, group: string): Promise<Rounds> {
  const { KafkaRounds } = await import("./kafka-rounds.js");
  const { kafka, topic: events } = job.topic!;
  return KafkaRounds.open(
    kafka,
    topic ?? `${events}.rounds.${job.topic!.group}`,
    `${group}.rounds`,
    job.spec.lanes!.count,
  );
}
