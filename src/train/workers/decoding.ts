import type { MessagePort } from "node:worker_threads";
import type { BatchLayout, Room } from "../../core/batch.js";
import { systemClock } from "../../core/clock.js";
import { toPlainError } from "../../core/errors.js";
import { Decoder } from "../../decode/decoder.js";
import { changed } from "../../sources/files/fingerprint.js";
import type { KafkaLog } from "../../sources/kafka/kafka-log.js";
import type { TopicSpec } from "../../sources/kafka/open-topic.js";
import { FileFeeds, roomsOf } from "../files/file-feeds.js";
import { mixed, type Plan, planFiles } from "../files/plan.js";
import { firstOf, isBefore, messagesOf } from "../files/position.js";
import type { Job } from "../job.js";
import type { Joiner } from "../join/joiner.js";
import type { TopicPosition } from "../ordering/merge.js";
import { batchesOf } from "../stream.js";
import { HeldOut } from "../validation/held-out.js";
import { type Piece, validated } from "../validation/validated.js";
import { Outlets } from "./outlets.js";
import type { BatchMessage, StreamStart, ToDecoder } from "./thread-messages.js";
import { fingerprintOf, loadTopicModules, topicSchemas } from "./topic-modules.js";

const STATE_MS = 500;

/** What the consumer needs to know about the source with every batch. */
type Known = Pick<BatchMessage, "fingerprints" | "totalBytes" | "ends">;

/** The task of a decoding thread. */
export interface DecodeTask {
  readonly job: Job;
  /** To the consumers, which all learn the same batches. */
  readonly ports: readonly MessagePort[];
  /** Start positions of each of their models, if known from the start. */
  readonly starts?: readonly StreamStart[];
}

const marksOf = ({ replay }: StreamStart) => replay.filter((decision) => decision.kind === "mark");

/** Decodes a job's events for its consumers. */
export class Decoding {
  private readonly job: Job;
  private readonly starts: readonly StreamStart[] | undefined;
  private readonly outlets: Outlets;
  /** Called when a consumer is ready. */
  private ready = (_port: MessagePort) => {};
  private committed = (_position: TopicPosition) => {};
  /** By consumer: the position that all of its models have saved. */
  private readonly saved = new Map<MessagePort, TopicPosition>();
  private letGo = async () => {};
  /** The source of labels; null if events have them, and before it is opened. */
  private joiner: Pick<Joiner, "stalled" | "close"> | null = null;
  /** The topic's log, from the moment its group may be joined. */
  private joined: Promise<KafkaLog> | null = null;
  /** Modules for reading a topic, loaded while the other thread loads the model. */
  private readonly topicModules: ReturnType<typeof loadTopicModules> | null;
  /** Files or the topic were read to the requested end, and are closed. */
  private over = false;

  private constructor({ job, ports, starts }: DecodeTask, left: (clean: boolean) => void) {
    this.job = job;
    this.starts = starts;
    this.topicModules = job.topic ? loadTopicModules() : null;
    this.topicModules?.catch(() => {}); // the rejection is handled where it is awaited
    this.outlets = new Outlets(ports, {
      message: (message, port) => this.take(message, port),
      left: () =>
        this.leave().then(
          () => left(this.over),
          () => left(false),
        ),
    });
    if (!starts) return;
    this.joined = job.topic ? this.join(job.topic) : null;
    this.begin(starts);
  }

  /** Resolves when the last consumer has left, with whether nothing of the source is still held. */
  static run(task: DecodeTask): Promise<boolean> {
    return new Promise((resolve) => new Decoding(task, resolve));
  }

  private take(message: Exclude<ToDecoder, { type: "free" | "stop" }>, port: MessagePort): void {
    if (message.type === "join") this.joined = this.job.topic ? this.join(this.job.topic) : null;
    else if (message.type === "start") this.begin([message.start]);
    else if (message.type === "ready") this.ready(port);
    else this.saved.set(port, message.position as TopicPosition);
    if (message.type === "committed") this.tellCommitted();
  }

  /** Waits until the run's start is durable for all models, before any of them learns. */
  private allReady(): Promise<void> {
    const waiting = new Set(this.outlets.ports);
    return new Promise((resolve) => {
      this.ready = (port) => {
        waiting.delete(port);
        if (waiting.size === 0) resolve();
      };
    });
  }

  /** Commits a position to the brokers once all models have saved it. */
  private tellCommitted(): void {
    const places = this.outlets.ports.flatMap((port) => this.saved.get(port) ?? []);
    if (places.length < this.outlets.ports.length) return;
    this.committed(places.reduce((least, place) => (isBefore(place, least) ? place : least)));
  }

  private begin(starts: readonly StreamStart[]): void {
    this.run(starts).catch((error) => this.outlets.send({ type: "error", error: toPlainError(error) }));
  }

  private async run(starts: readonly StreamStart[]): Promise<void> {
    const limited = await (this.job.topic ? this.runTopic(firstOf(starts)) : this.runFiles(starts));
    this.over = !this.job.data.includes("-");
    this.outlets.send({ type: "end", endedBy: limited ? "limit" : "end" });
  }

  /** Shares the buffers to put batches into, in turn. @returns a function that gives a free one */
  private share(buffers: readonly Room[]): () => Room {
    this.outlets.share(buffers);
    return () => buffers[this.outlets.next];
  }

  private async runFiles(starts: readonly StreamStart[]): Promise<boolean> {
    const { job, outlets } = this;
    const { epochs } = job;
    const feeds = await FileFeeds.open(job, starts[0].capacity, (rooms) => rooms[outlets.next]);
    const buffer = this.share(feeds.rooms);
    const plans: Plan[] = [];
    for (const start of starts) plans.push(await planFiles(job, feeds.inputs, start));
    const { inputs, ...plan } = plans.reduce((first, other) => (isBefore(other.start, first.start) ? other : first));
    const start = starts[plans.findIndex(({ start }) => start === plan.start)];
    const held = await HeldOut.open(job, feeds, { inputs, ...plan });
    const feed = feeds.learned(held.learned);
    for (const { fingerprints } of plans) await feed.verify(fingerprints);
    await feed.verify(plan.fingerprints);
    for (const [model, { inputs: _, ...own }] of plans.entries())
      if (job.kind === "train")
        outlets.send({ type: "began", model, plan: { ...own, pass: { ...own.pass, held_out: held.place } } });
    const { begins, from } = plan.pass;
    const ends = [...plan.pass.ends];
    const onFileEnd = (file: number, { rows, ...end }: { offset: number; row: number; rows: number }) => {
      const stored = file === held.cutFile ? null : feed.files[file].bytes;
      ends[file] = { ...end, stored, examples: start.examples + rows + (late?.corrections ?? 0) };
    };
    const limit = Math.max(0, (job.limit ?? Number.POSITIVE_INFINITY) - (start.examples - from));
    const options = { start: plan.start, epochs, limit, buffer, everyEpoch: held.any, begins, onFileEnd };
    const { fresh } = plan;
    const openLate = async () => {
      const { openReader } = await import("../join/open.js");
      const { openLateLabels } = await import("../join/open-late.js");
      const clicks = await openReader(job, { state: start.join, fresh, replay: [] });
      this.joiner = clicks;
      return openLateLabels(job, { feeds, feed, plan: { inputs, ...plan }, start, options, clicks });
    };
    const late = job.kind === "train" && job.spec.join?.correct ? await openLate() : null;
    const pieces = validated(late?.batches() ?? batchesOf(feed, options), {
      epochs: plan.start.epoch,
      done: plan.fresh ? 0 : start.validated,
      limit,
      validation: held.any ? () => held.batches(buffer) : null,
    });
    const known = () => ({ fingerprints: feed.fingerprints, totalBytes: feed.totalBytes, ends });
    const labels = job.clicks && !late ? this.labelled(pieces, feeds.layout, { start, fresh }) : pieces;
    const limited = await this.pass(labels, limit, known, held.data);
    await this.joiner?.close();
    await feed.close();
    return limited;
  }

  /** Loaded if labels come from clicks. */
  private async openJoiner(...args: Parameters<typeof import("../join/open.js")["openJoiner"]>): Promise<Joiner> {
    const { openJoiner } = await import("../join/open.js");
    const opened = await openJoiner(...args);
    this.joiner = opened;
    return opened;
  }

  /**
   * Impressions with their labels. The clicks are opened with the first impression, and so only in the process that
   * learns.
   */
  private async *labelled(
    pieces: AsyncIterable<Piece>,
    layout: BatchLayout,
    { start, fresh }: { start: StreamStart; fresh: boolean },
  ): AsyncGenerator<Piece> {
    const replay = marksOf(start);
    let at = start.position ? messagesOf(start.position) : 0;
    let join: Joiner | null = null;
    for await (const piece of pieces) {
      if (piece.kind === "learn") {
        join ??= await this.openJoiner(this.job, layout, { state: start.join, fresh, replay });
        yield { ...piece, decoded: await join.join(piece.decoded, at) };
        at = messagesOf(piece.decoded.position);
      } else yield piece;
    }
  }

  /** Joins the topic's group while the other thread loads the model. */
  private join(topic: TopicSpec): Promise<KafkaLog> {
    const joining = this.topicModules!.then(({ joinTopic, GroupMember }) =>
      joinTopic(topic, new GroupMember(this.job.out)),
    );
    joining.catch(() => {}); // the rejection is handled where it is awaited
    return joining;
  }

  private async leave(): Promise<void> {
    await this.letGo();
    const log = await this.joined?.catch(() => null);
    await this.joiner?.close();
    await log?.close();
  }

  private async runTopic(start: StreamStart): Promise<boolean> {
    const { job, outlets } = this;
    const requireLabel = job.kind !== "predict";
    const kept = requireLabel && job.kept.length === 0 ? undefined : job.kept;
    const unlabelled = job.clicks !== null;
    const decoder = new Decoder(job.spec, { capacity: start.capacity, watch: true, requireLabel, unlabelled, kept });
    const buffer = this.share(roomsOf(decoder.layout));
    const { beginTopic, Merge, decodedMessages } = await this.topicModules!;
    if (start.position && !("messages" in start.position)) throw mixed("files", `but --topic is ${job.topic!.topic}`);
    const expected = start.fingerprints[0] ?? fingerprintOf(job.topic!.topic);
    if (expected !== fingerprintOf(job.topic!.topic)) {
      throw changed(`topic ${job.topic!.topic}: the checkpoint was made from ${expected.replace("kafka:", "topic ")}`);
    }
    const resume = start.position as TopicPosition | null;
    const log = await this.joined!;
    const place = resume && { offsets: resume.offsets.map(BigInt), last: resume.last ?? [], id: resume.topic_id };
    const { offsets, stops } = await beginTopic(log, job.topic!, place);
    const { topic } = log;
    const first = resume ?? { topic, turn: 0, taken: 0, messages: 0, offsets: offsets.map(String) };
    const merge = new Merge(
      log,
      log.id === null ? first : { ...first, topic_id: log.id },
      start.replay.filter((decision) => decision.kind !== "mark"),
      stops,
      offsets,
    );
    const known = { fingerprints: [fingerprintOf(topic)], totalBytes: null, ends: [] };
    outlets.send({ type: "opened", position: merge.position, fingerprints: known.fingerprints });
    if (this.starts) await this.allReady();
    let commit = Promise.resolve();
    this.committed = (position) => {
      commit = log.commit(position.offsets.map(BigInt));
    };
    const timer = setInterval(() => {
      const lag = offsets.map((offset, p) => Number(log.end(p) - BigInt(merge.position.offsets[p] ?? offset)));
      const stalled = this.joiner?.stalled ? { ready: false, reason: this.joiner.stalled } : {};
      outlets.send({ type: "state", state: { ...log.state, ...stalled, lag } });
    }, STATE_MS);
    // Not before the consumer has finished: its last checkpoint is still to be committed to the brokers.
    this.letGo = async () => {
      clearInterval(timer);
      await commit;
    };
    const schemas = decoder.schemas && (await topicSchemas(decoder.schemas, job.topic!, start));
    const options = {
      limit: start.limit,
      lingerMs: job.lingerMs,
      clock: systemClock,
      buffer,
      schemas,
      whole: job.deadLetters !== null,
    };
    const openLate = async () => {
      const { openReader } = await import("../join/open.js");
      const { LateTopic } = await import("../join/open-late-topic.js");
      const endless = { ...options, limit: Number.POSITIVE_INFINITY, reportsEnd: true };
      const head = (wanted: () => number) => decodedMessages(log, merge, decoder, { ...endless, wanted });
      const clicks = () => openReader(job, { state: start.join, fresh: false, replay: marksOf(start) });
      const opened = new LateTopic(job, { log, merge, decoder, head, clicks, start });
      this.joiner = opened;
      return opened;
    };
    const late = job.kind === "train" && job.spec.join?.correct ? await openLate() : null;
    const unvalidated = { epochs: 0, done: 0, limit: start.limit, validation: null };
    const pieces = validated(late?.batches() ?? decodedMessages(log, merge, decoder, options), unvalidated);
    const labels = job.clicks && !late ? this.labelled(pieces, decoder.layout, { start, fresh: false }) : pieces;
    return this.pass(labels, start.limit, () => known, "");
  }

  /** Passes batches to the consumer, each in a free buffer. @returns true when the limit was reached */
  private async pass(
    pieces: AsyncIterable<Piece>,
    limit: number,
    known: () => Known,
    validation: string,
  ): Promise<boolean> {
    let left = limit;
    for await (const piece of pieces) {
      if (piece.kind === "validated") {
        this.outlets.send({ type: "validated", epoch: piece.epoch, data: validation });
        continue;
      }
      const { buffer: _, base: __, ...decoded } = piece.decoded;
      if (piece.kind === "learn") left -= decoded.rows;
      await this.outlets.sendBuffer((slot) => ({ type: "batch", kind: piece.kind, slot, decoded, ...known() }));
    }
    return left === 0;
  }
}
