import { closeAll } from "../../core/closing.js";
import { HashbrookError } from "../../core/errors.js";
import type { KafkaLog } from "../../sources/kafka/kafka-log.js";
import type { TopicSpec } from "../../sources/kafka/open-topic.js";
import { KafkaProducer, type KafkaRecord } from "../../sources/kafka/producer.js";
import type { Messages } from "../../sources/messages.js";
import { Gathered } from "./gathered.js";
import { type LaneRecord, packRecord, unpackRecord } from "./record.js";
import type { Rounds, RoundsPlan } from "./rounds.js";
import { beginWhole, joinWhole, makeWhole, REQUEST_BYTES, wholeMarks } from "./whole-topic.js";

const WAIT_MS = 20;
/** Number of queued records at which reading a lane pauses; bounds the memory of a process that is catching up. */
const MOST_AHEAD = 16;

/** Address of one of the run's owners. */
export interface OwnerNotice {
  readonly number: number;
  readonly of: number;
  readonly url: string;
}

/**
 * A message in partition 0 beside the records: the address of an owner, sent when it starts, or the end of the run,
 * sent after the last checkpoint.
 */
type Notice = { readonly owner: OwnerNotice } | { readonly over: true };

/** Rounds in a topic: partition l has the records of lane l; the first message of partition 0 is the plan. */
export class KafkaRounds implements Rounds {
  private readonly log: KafkaLog;
  private readonly producer: KafkaProducer;
  private readonly records: Gathered<KafkaRecord>;
  private readonly lanes: number;
  private plan: RoundsPlan | null = null;
  /** By lane: the first record of each round that is not folded yet. */
  private readonly queues: LaneRecord[][];
  /** By lane: offset of the next message to read. */
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

  /**
   * Opens the topic on the brokers of the events' topic, and creates it if it is missing.
   * @throws HashbrookError as `makeWhole`, `KafkaProducer.open` and `KafkaLog.join`
   */
  static async open(spec: TopicSpec, topic: string, lanes: number): Promise<KafkaRounds> {
    const hint = "name another topic with --rounds-topic: it is created with one partition per lane";
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

  /** Reads from the beginning, since a process that starts late folds the rounds that its checkpoint lacks. */
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

  /** Sends a notice to all processes. */
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

  close(): Promise<void> {
    return closeAll(this.log, this.producer);
  }

  /** Queues the records of the chunks that have arrived. `accept` drops repeated records of a round. */
  private take(): void {
    for (let lane = 0; lane < this.lanes; lane++) {
      for (let head = this.log.head(lane); head && this.queues[lane].length < MOST_AHEAD; head = this.log.head(lane)) {
        const { messages, next } = head;
        for (let i = 0; i < messages.length; i++) {
          this.accept(lane, messages, i);
        }
        this.next[lane] = next;
        this.log.shift(lane);
      }
    }
  }

  private accept(lane: number, messages: Messages, i: number): void {
    const bytes = messages.bytes.subarray(messages.starts[i], messages.ends[i]);
    if (isPlan(bytes)) {
      this.plan ??= JSON.parse(new TextDecoder().decode(bytes)) as RoundsPlan;
      return;
    }
    if (isNotice(bytes)) {
      this.note(JSON.parse(new TextDecoder().decode(bytes)) as Notice);
      return;
    }
    const record = readRecord(messages, i, `${this.log.topic}[${lane}]`);
    const queue = this.queues[lane];
    const last = queue.at(-1)?.round ?? this.round - 1;
    if (record.round > last) queue.push(record);
  }

  private note(notice: Notice): void {
    if ("over" in notice) this.over = true;
    else this.owners.set(notice.owner.number, notice.owner);
  }
}

/** A plan is JSON, `{"spec_hash"…`. A record begins with the u32 length of its head, which is never that large. */
const isPlan = (bytes: Uint8Array): boolean => bytes[0] === 0x7b && bytes[1] === 0x22 && bytes[2] === 0x73;
/** A notice is JSON, `{"owner"…` or `{"over"…`. */
const isNotice = (bytes: Uint8Array): boolean => bytes[0] === 0x7b && bytes[1] === 0x22 && bytes[2] === 0x6f;

/** Reads a record whose arrays are views of the response that it came in, since copying them takes megabytes per round. */
function readRecord(messages: Messages, i: number, where: string): LaneRecord {
  try {
    return unpackRecord(alignedValue(messages, i), true);
  } catch (cause) {
    throw new HashbrookError("log_damaged", `${where} ${messages.offsets[i]}: not a record of a round`, { cause });
  }
}

/**
 * A message's value, of at least 64 bytes, at a multiple of 8 bytes in its buffer: moves it within the buffer, over the
 * end of the fields before it (eight bytes or more), which have been read.
 */
function alignedValue({ bytes, starts, ends, keysAt }: Messages, i: number): Uint8Array {
  const value = bytes.subarray(starts[i], ends[i]);
  const excess = value.byteOffset % 8;
  if (excess === 0) return value;
  const room = keysAt
    ? new Uint8Array(value.buffer, value.byteOffset - excess, value.length)
    : new Uint8Array(value.length);
  room.set(value);
  return room;
}
