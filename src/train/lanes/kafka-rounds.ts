import { HashbrookError } from "../../core/errors.js";
import type { KafkaLog } from "../../sources/kafka/kafka-log.js";
import type { TopicSpec } from "../../sources/kafka/open-topic.js";
import { KafkaProducer, type KafkaRecord } from "../../sources/kafka/producer.js";
import { Gathered } from "./gathered.js";
import { type LaneRecord, packRecord, unpackRecord } from "./record.js";
import type { Rounds, RoundsPlan } from "./rounds.js";
import { beginWhole, joinWhole, makeWhole, REQUEST_BYTES, wholeMarks } from "./whole-topic.js";

const WAIT_MS = 20;
/** Records of a lane that wait for their round: a process that comes late reads no further ahead. */
const MOST_AHEAD = 16;

/** Where one of the run's owners answers. */
export interface OwnerNotice {
  readonly number: number;
  readonly of: number;
  readonly url: string;
}

/** What is said beside rounds, in partition 0: by every owner that begins, and by who has written the last checkpoint. */
type Notice = { readonly owner: OwnerNotice } | { readonly over: true };

/** Rounds in a topic: partition l has what was told of lane l; the plan is the first message of partition 0. */
export class KafkaRounds implements Rounds {
  private readonly log: KafkaLog;
  private readonly producer: KafkaProducer;
  private readonly records: Gathered<KafkaRecord>;
  private readonly lanes: number;
  private plan: RoundsPlan | null = null;
  /** By lane: records of rounds that are not folded, each round's first one. */
  private readonly queues: LaneRecord[][];
  /** By lane: where reading goes on. */
  private readonly next: bigint[];
  private round = 0;
  private readonly owners = new Map<number, OwnerNotice>();
  over = false;

  private constructor(log: KafkaLog, producer: KafkaProducer, lanes: number) {
    this.log = log;
    this.producer = producer;
    this.records = new Gathered((records) => producer.send(records));
    this.lanes = lanes;
    this.queues = Array.from({ length: lanes }, () => []);
    this.next = Array<bigint>(lanes).fill(0n);
  }

  /** Makes the topic where it is not there. On the brokers of the events' topic. @throws as `makeWhole` and `KafkaLog.join` */
  static async open(spec: TopicSpec, topic: string, lanes: number): Promise<KafkaRounds> {
    const hint = "name another topic with --rounds-topic: it is made with a partition for each lane";
    await makeWhole(spec, topic, { count: lanes, of: "lanes", hint });
    const producer = await KafkaProducer.open(spec.kafka, topic, { batchBytes: REQUEST_BYTES });
    return new KafkaRounds(await joinWhole(spec, topic), producer, lanes);
  }

  async agree(propose: () => Promise<RoundsPlan>, stop: AbortSignal): Promise<RoundsPlan | null> {
    const marks = await wholeMarks(this.log);
    if (marks[0].high === 0n) {
      const plan = JSON.stringify(await propose());
      await this.producer.send([{ value: plan, partition: 0 }]);
    }
    return this.firstPlan(stop);
  }

  /** Reads from the beginning: whoever comes late folds what a checkpoint lacks. */
  private async firstPlan(stop: AbortSignal): Promise<RoundsPlan | null> {
    await beginWhole(this.log);
    while (this.plan === null && !stop.aborted) {
      this.take();
      if (this.plan === null) await this.log.wait(WAIT_MS);
    }
    return this.plan;
  }

  send(record: LaneRecord): Promise<void> {
    return this.records.send([{ value: packRecord(record), partition: record.lane }]);
  }

  /** Says where an owner answers from now on. */
  async tell(notice: Notice): Promise<void> {
    await this.producer.send([{ value: JSON.stringify(notice), partition: 0 }]);
  }

  end(): Promise<void> {
    return this.tell({ over: true });
  }

  owner(number: number): OwnerNotice | undefined {
    return this.owners.get(number);
  }

  isOver(round: number): boolean {
    this.take();
    const isTold = (queue: readonly LaneRecord[]) => queue.some((record) => record.round === round);
    return round < this.round || this.queues.every(isTold);
  }

  of(round: number): ReadonlyMap<number, LaneRecord> {
    this.round = round;
    for (const queue of this.queues) while (queue.length > 0 && queue[0].round < round) queue.shift();
    this.take();
    return new Map(this.queues.flatMap(([record], lane) => (record?.round === round ? [[lane, record]] : [])));
  }

  isUnread(lane: number): boolean {
    return this.next[lane] < this.log.end(lane);
  }

  wait(milliseconds: number): Promise<void> {
    return this.log.wait(Math.min(WAIT_MS, milliseconds));
  }

  async close(): Promise<void> {
    await this.log.close();
    await this.producer.close();
  }

  /** Takes what is at hand. A lane's repetitions of a round are passed over by `of`. */
  private take(): void {
    for (let lane = 0; lane < this.lanes; lane++) {
      for (let head = this.log.head(lane); head && this.queues[lane].length < MOST_AHEAD; head = this.log.head(lane)) {
        const { messages, next } = head;
        for (let i = 0; i < messages.length; i++) {
          const bytes = messages.bytes.subarray(messages.starts[i], messages.ends[i]);
          this.accept(lane, bytes, BigInt(messages.offsets[i]));
        }
        this.next[lane] = next;
        this.log.shift(lane);
      }
    }
  }

  private accept(lane: number, bytes: Uint8Array, offset: bigint): void {
    if (isPlan(bytes)) {
      this.plan ??= JSON.parse(new TextDecoder().decode(bytes)) as RoundsPlan;
      return;
    }
    if (isNotice(bytes)) {
      this.note(JSON.parse(new TextDecoder().decode(bytes)) as Notice);
      return;
    }
    const record = readRecord(bytes, `${this.log.topic}[${lane}] ${offset}`);
    const queue = this.queues[lane];
    const last = queue.at(-1)?.round ?? this.round - 1;
    if (record.round > last) queue.push(record);
  }

  private note(notice: Notice): void {
    if ("over" in notice) this.over = true;
    else this.owners.set(notice.owner.number, notice.owner);
  }
}

/** A plan is JSON, `{"spec_hash"…`; a record begins with the length of its head, which is never so large. */
const isPlan = (bytes: Uint8Array): boolean => bytes[0] === 0x7b && bytes[1] === 0x22 && bytes[2] === 0x73;
/** `{"owner"…` or `{"over"…`. */
const isNotice = (bytes: Uint8Array): boolean => bytes[0] === 0x7b && bytes[1] === 0x22 && bytes[2] === 0x6f;

function readRecord(bytes: Uint8Array, where: string): LaneRecord {
  try {
    return unpackRecord(bytes);
  } catch (cause) {
    throw new HashbrookError("log_damaged", `${where}: not a record of a round`, { cause });
  }
}
