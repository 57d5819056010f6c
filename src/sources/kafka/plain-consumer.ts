import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../core/clock.js";
import type { HashbrookError } from "../../core/errors.js";
import { kafkaFailure } from "./client.js";
import type { Answer, TopicCluster, TopicFacts, Wanted } from "./cluster.js";
import type { Reader, TopicConsumer } from "./consumer.js";
import { batchDamaged } from "./lost.js";

/** After this time without a response the topic counts as unreachable. */
const QUIET_MS = 5_000;
const RETRY_MS = 500;
/** A broker that has just started may not know a topic for a moment: each is asked this many times, RETRY_MS apart. */
const UNKNOWN_ATTEMPTS = 10;

/** Kafka's error codes. */
const OFFSET_OUT_OF_RANGE = 1;
const CORRUPT_MESSAGE = 2;
const UNKNOWN_TOPIC = [3, 100, 103];
const TOPIC_AUTHORIZATION_FAILED = 29;

/**
 * Reads the selected partitions of a topic without a consumer group; nothing is committed. Each broker that leads some
 * of them gets one request at a time.
 */
export class PlainConsumer implements TopicConsumer {
  private readonly topic: string;
  private readonly cluster: TopicCluster;
  private readonly partitions: number;
  private readonly reader: Reader;
  private facts: TopicFacts = { id: null, leaders: [] };
  private readonly paused = new Set<number>();
  /** Brokers with a request in flight. */
  private readonly inFlight = new Set<number>();
  /** How many times in a row each broker has answered that it does not know the topic. */
  private readonly unknown = new Map<number, number>();
  /** Partitions whose last response reported a corrupt batch. */
  private readonly corrupt = new Set<number>();
  private heardAt = systemClock.now();
  private reason: string | null = "connecting";
  private begun = false;
  private closed = false;

  constructor(topic: string, cluster: TopicCluster, partitions: number, reader: Reader) {
    this.topic = topic;
    this.cluster = cluster;
    this.partitions = partitions;
    this.reader = reader;
  }

  async join(): Promise<void> {
    this.facts = await this.cluster.topic();
    this.reason = null;
  }

  get state(): { ready: boolean; reason: string | null } {
    const silent = systemClock.now() - this.heardAt;
    const asks = this.begun && this.facts.leaders.some((leader) => this.wantedOf(leader).length > 0);
    if (this.reason === null && asks && silent > QUIET_MS)
      return { ready: false, reason: `no response from the brokers for ${Math.round(silent / 1000)} s` };
    return { ready: this.reason === null, reason: this.reason };
  }

  begin(): void {
    this.begun = true;
    this.heardAt = systemClock.now();
    this.ask();
  }

  /** The next request fetches the reader's next offsets. */
  seek(): void {
    this.ask();
  }

  pause(partition: number): void {
    this.paused.add(partition);
  }

  resume(partition: number): void {
    this.paused.delete(partition);
    this.ask();
  }

  async commit(): Promise<void> {}

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Sends a request to every broker that leads a wanted partition and has none in flight. */
  private ask(): void {
    if (this.closed || !this.begun) return;
    for (const leader of new Set(this.facts.leaders)) {
      const wanted = this.wantedOf(leader);
      if (wanted.length > 0 && !this.inFlight.has(leader)) void this.fetchFrom(leader, wanted);
    }
  }

  private wantedOf(leader: number): Wanted[] {
    const wanted: Wanted[] = [];
    for (let partition = 0; partition < this.partitions; partition++) {
      const offset = this.reader.next(partition);
      if (this.facts.leaders[partition] === leader && !this.paused.has(partition) && offset !== undefined)
        wanted.push({ partition, offset });
    }
    return wanted;
  }

  private async fetchFrom(leader: number, wanted: readonly Wanted[]): Promise<void> {
    this.inFlight.add(leader);
    try {
      const answers = leader < 0 ? [] : await this.cluster.fetch(leader, wanted, this.paused.size > 0);
      if (this.closed) return;
      const errors = answers.flatMap((answer) => this.take(answer) ?? []);
      if (errors.some((error) => UNKNOWN_TOPIC.includes(error)) && this.isGone(leader))
        this.stop(kafkaFailure(refused("UNKNOWN_TOPIC_OR_PARTITION", "it does not exist"), this.what));
      if (errors.length > 0 || leader < 0) await this.refreshMetadata();
    } catch (error) {
      await this.failed(error, leader);
    } finally {
      this.inFlight.delete(leader);
      this.ask();
    }
  }

  /** Passes a response on to the reader. @returns its error code */
  private take(answer: Answer): number | undefined {
    if ("batch" in answer) {
      this.heardAt = systemClock.now();
      this.reason = null;
      this.unknown.clear();
      this.corrupt.delete(answer.batch.partition);
      this.reader.accept(answer.batch);
      return undefined;
    }
    const { partition, error } = answer;
    const next = this.reader.next(partition) ?? 0n;
    if (error === OFFSET_OUT_OF_RANGE) this.reader.outOfRange(partition);
    else if (error === TOPIC_AUTHORIZATION_FAILED)
      this.stop(kafkaFailure(refused("TOPIC_AUTHORIZATION_FAILED", "no right to read it"), this.what));
    else if (error === CORRUPT_MESSAGE && this.corrupt.has(partition))
      this.stop(batchDamaged(this.topic, partition, next, "the broker answers CORRUPT_MESSAGE"));
    else if (error === CORRUPT_MESSAGE) this.corrupt.add(partition);
    return error;
  }

  /** Counts responses that the topic is unknown. @returns whether there were too many in a row */
  private isGone(leader: number): boolean {
    const times = (this.unknown.get(leader) ?? 0) + 1;
    this.unknown.set(leader, times);
    return times > UNKNOWN_ATTEMPTS;
  }

  /** Leaders have changed, or will: refreshes the metadata. */
  private async refreshMetadata(): Promise<void> {
    await sleep(RETRY_MS);
    if (!this.closed) this.facts = await this.cluster.topic();
  }

  private async failed(error: unknown, leader: number): Promise<void> {
    if (this.closed) return;
    const failure = kafkaFailure(error, this.what);
    this.reason = failure.message;
    const gone = failure.code === "kafka_topic_missing" && this.isGone(leader);
    if (gone || failure.code === "kafka_auth") return this.stop(failure);
    await this.refreshMetadata().catch(() => {});
  }

  private get what(): string {
    return `topic ${this.topic}`;
  }

  private stop(failure: HashbrookError): void {
    this.begun = false;
    this.reader.failed(failure);
  }
}

/** A broker's error code, as kafkajs reports it. */
const refused = (type: string, message: string) => Object.assign(new Error(message), { type });
