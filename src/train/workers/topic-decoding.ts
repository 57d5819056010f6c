import type { Room } from "../../core/batch.js";
import { systemClock } from "../../core/clock.js";
import { Decoder } from "../../decode/decoder.js";
import { changed } from "../../sources/files/fingerprint.js";
import type { KafkaLog } from "../../sources/kafka/kafka-log.js";
import type { TopicSpec } from "../../sources/kafka/open-topic.js";
import { roomsOf } from "../files/file-feeds.js";
import { mixed } from "../files/plan.js";
import type { Job } from "../job.js";
import type { LateTopic } from "../join/open-late-topic.js";
import type { Merge, TopicPosition } from "../ordering/merge.js";
import type { TopicStreamOptions } from "../ordering/topic-stream.js";
import { type Piece, validated } from "../validation/validated.js";
import { type Labels, marksOf } from "./labels.js";
import type { Outlets } from "./outlets.js";
import type { StreamStart } from "./thread-messages.js";
import { fingerprintOf, loadTopicModules, topicSchemas } from "./topic-modules.js";

const STATE_MS = 500;

/** The topic's log, and the order in which its partitions are read. */
interface Begun {
  readonly log: KafkaLog;
  readonly merge: Merge;
  /** Where each partition is first read. */
  readonly offsets: readonly bigint[];
}

/** Decodes a topic. */
export class TopicDecoding {
  private readonly job: Job;
  private readonly topic: TopicSpec;
  private readonly outlets: Outlets;
  private readonly labels: Labels;
  private readonly joined: Promise<KafkaLog>;
  private log: KafkaLog | null = null;
  private committing = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  /** Joins the topic's group, while the other thread loads the model. */
  constructor(job: Job, topic: TopicSpec, outlets: Outlets, labels: Labels) {
    this.job = job;
    this.topic = topic;
    this.outlets = outlets;
    this.labels = labels;
    this.joined = loadTopicModules().then(({ joinTopic, GroupMember }) => joinTopic(topic, new GroupMember(job.out)));
    this.joined.catch(() => {}); // the rejection is handled where it is awaited
  }

  /**
   * Passes everything on to the consumers.
   * @param ready resolves when they may learn
   * @returns whether the limit was reached
   */
  async run(start: StreamStart, ready: () => Promise<void>): Promise<boolean> {
    const decoder = decoderOf(this.job, start.capacity);
    const buffer = this.outlets.share(roomsOf(decoder.layout));
    const begun = await this.begin(start);
    const known = { fingerprints: [fingerprintOf(begun.log.topic)], totalBytes: null, ends: [] };
    this.outlets.send({ type: "opened", position: begun.merge.position, fingerprints: known.fingerprints });
    await ready();
    this.log = begun.log;
    this.timer = setInterval(() => this.tellState(begun), STATE_MS);
    const pieces = await this.pieces(begun, decoder, start, buffer);
    return this.outlets.pass(pieces, { limit: start.limit, known: () => known, validation: "" });
  }

  /** @throws checkpoint_mismatch, source_changed if the checkpoint was made from something else */
  private async begin({ position, fingerprints, replay }: StreamStart): Promise<Begun> {
    const { topic } = this;
    const { beginTopic, Merge } = await loadTopicModules();
    if (position && !("messages" in position)) throw mixed("files", `but --topic is ${topic.topic}`);
    const expected = fingerprints[0] ?? fingerprintOf(topic.topic);
    if (expected !== fingerprintOf(topic.topic)) {
      throw changed(`topic ${topic.topic}: the checkpoint was made from ${expected.replace("kafka:", "topic ")}`);
    }
    const log = await this.joined;
    const place = position && {
      offsets: position.offsets.map(BigInt),
      last: position.last ?? [],
      id: position.topic_id,
    };
    const { offsets, stops } = await beginTopic(log, topic, place);
    const first = position ?? { topic: log.topic, turn: 0, taken: 0, messages: 0, offsets: offsets.map(String) };
    const from = log.id === null ? first : { ...first, topic_id: log.id };
    const decisions = replay.filter((decision) => decision.kind !== "mark");
    return { log, merge: new Merge(log, from, decisions, stops, offsets), offsets };
  }

  private async pieces(
    begun: Begun,
    decoder: Decoder,
    start: StreamStart,
    buffer: () => Room,
  ): Promise<AsyncIterable<Piece>> {
    const { job, labels } = this;
    const { log, merge } = begun;
    const { decodedMessages } = await loadTopicModules();
    const { limit } = start;
    const schemas = decoder.schemas && (await topicSchemas(decoder.schemas, this.topic, start));
    const whole = job.deadLetters !== null;
    const options = { limit, lingerMs: job.lingerMs, clock: systemClock, buffer, schemas, whole };
    const corrects = job.kind === "train" && job.spec.join?.correct !== undefined;
    const late = corrects ? await this.openLate(begun, decoder, start, options) : null;
    const batches = late?.batches() ?? decodedMessages(log, merge, decoder, { ...options, reportsGaps: true });
    const pieces = validated(batches, { epochs: 0, done: 0, limit, validation: null });
    return job.clicks && !late ? labels.join(pieces, decoder.layout, start, false) : pieces;
  }

  private async openLate(
    { log, merge }: Begun,
    decoder: Decoder,
    start: StreamStart,
    options: TopicStreamOptions,
  ): Promise<LateTopic> {
    const { openReader } = await import("../join/open.js");
    const { LateTopic } = await import("../join/open-late-topic.js");
    const { decodedMessages } = await loadTopicModules();
    const endless = { ...options, limit: Number.POSITIVE_INFINITY, reportsEnd: true };
    const head = (wanted: () => number) => decodedMessages(log, merge, decoder, { ...endless, wanted });
    const clicks = () => openReader(this.job, { state: start.join, fresh: false, replay: marksOf(start) });
    return this.labels.use(new LateTopic(this.job, { log, merge, decoder, head, clicks, start }));
  }

  private tellState({ log, merge, offsets }: Begun): void {
    const lag = offsets.map((offset, p) => Number(log.end(p) - BigInt(merge.position.offsets[p] ?? offset)));
    const reason = this.labels.stalled;
    const stalled = reason === null ? {} : { ready: false, reason };
    this.outlets.send({ type: "state", state: { ...log.state, ...stalled, lag } });
  }

  /** Commits a position that all models have saved to the brokers. */
  commit({ offsets }: TopicPosition): void {
    if (this.log) this.committing = this.log.commit(offsets.map(BigInt));
  }

  /**
   * Leaves the group. Call after the consumers have finished, not before: their last checkpoint is still to be committed.
   */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.committing;
    const log = await this.joined.catch(() => null);
    await this.labels.close();
    await log?.close();
  }
}

function decoderOf({ kind, spec, kept, clicks }: Job, capacity: number): Decoder {
  const requireLabel = kind !== "predict";
  return new Decoder(spec, {
    capacity,
    watch: true,
    requireLabel,
    unlabelled: clicks !== null,
    kept: requireLabel && kept.length === 0 ? undefined : kept,
  });
}
