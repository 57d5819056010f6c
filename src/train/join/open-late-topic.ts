import { systemClock } from "../../core/clock.js";
import { Decoder } from "../../decode/decoder.js";
import { type SchemaReader, TopicSchemas } from "../../schema-registry/topic-schemas.js";
import type { KafkaLog } from "../../sources/kafka/kafka-log.js";
import { beginTopic, joinTopic } from "../../sources/kafka/open-topic.js";
import { DEDUP, DedupWindow } from "../dedup.js";
import { messagesOf } from "../files/position.js";
import type { Job } from "../job.js";
import { Merge, type MergeDecision, type TopicPosition } from "../ordering/merge.js";
import { type Decision, readOrder } from "../ordering/order-log.js";
import { decodedMessages } from "../ordering/topic-stream.js";
import { Trail } from "../ordering/trail.js";
import type { DecodedBatch } from "../stream.js";
import { GroupMember } from "../workers/group-member.js";
import type { StreamStart } from "../workers/thread-messages.js";
import type { LabelReader } from "./click-reader.js";
import { LateLabels } from "./late-labels.js";
import { type OpenImpressions, pieceRows } from "./tail.js";

interface Opened {
  /** The log of the impressions to learn; not begun. */
  readonly log: KafkaLog;
  readonly merge: Merge;
  readonly decoder: Decoder;
  /** Their batches, of the requested sizes; the last one is marked as such. */
  readonly head: (wanted: () => number) => AsyncIterable<DecodedBatch>;
  readonly clicks: () => Promise<LabelReader>;
  readonly start: StreamStart;
}

/** How often to check whether there is anything to learn. */
const IDLE_MS = 1_000;

/**
 * Impressions of a topic, learned at once and corrected: every age of the ladder reads the topic again, in the order in
 * which it was learned.
 */
export class LateTopic {
  private readonly job: Job;
  private readonly opened: Opened;
  private readonly trail: Trail;
  /** The logs of the ages. */
  private readonly logs = new Set<KafkaLog>();
  private clicks: LabelReader | null = null;

  constructor(job: Job, opened: Opened) {
    this.job = job;
    this.opened = opened;
    const { position } = opened.merge;
    this.trail = new Trail(this.decisionsBefore(), position.messages);
  }

  get stalled(): string | null {
    return this.clicks?.stalled ?? null;
  }

  /** The clicks are opened when there is something to learn, and so only in the process that learns. */
  async *batches(): AsyncGenerator<DecodedBatch> {
    const { merge, log, start, decoder, head } = this.opened;
    const begin = merge.position;
    while (merge.next(false) === "wait") await log.wait(IDLE_MS);
    this.clicks = await this.opened.clicks();
    const { id_window } = this.job.spec.label;
    const dedup = id_window === undefined ? null : new DedupWindow(id_window);
    if (start.ids) dedup?.restore(new Map([[DEDUP, { data: start.ids }]]));
    const late = new LateLabels({
      spec: this.job.spec.join!,
      layout: decoder.layout,
      head,
      again: this.again,
      clicks: this.clicks,
      state: start.join,
      start: begin,
      limit: start.limit,
      over: start.join?.late_labels?.ended === true && merge.next(false) === "end",
      dedup,
      onLearned: ({ decisions, position }, tails) => {
        this.trail.add(decisions.filter((one): one is MergeDecision => one.kind !== "mark"));
        this.trail.messages = messagesOf(position);
        this.trail.forget(Math.min(...tails.map(messagesOf)));
      },
    });
    yield* late.batches();
  }

  async close(): Promise<void> {
    await this.clicks?.close();
    for (const log of this.logs) await log.close();
  }

  /** The decisions about messages that are still to be read again. */
  private decisionsBefore(): MergeDecision[] {
    const { start } = this.opened;
    const tails = start.join?.late_labels?.tails;
    if (!tails || this.job.out === null) return [];
    const first = Math.min(...tails.map(({ position }) => messagesOf(position)));
    return readOrder(this.job.out, (entry) => isOrder(entry) && entry.at >= first).filter(isOrder);
  }

  /** Without a group: the group's active member reads the topic again, independently of the group. */
  private readonly again: OpenImpressions = async function* (this: LateTopic, start: Parameters<OpenImpressions>[0]) {
    const { topic: spec, spec: model } = this.job;
    const topic = { ...spec!, group: null, stop: null };
    const place = start as TopicPosition;
    const log = await joinTopic(topic, new GroupMember(null));
    this.logs.add(log);
    const resume = { offsets: place.offsets.map(BigInt), last: place.last ?? [], id: place.topic_id };
    const { offsets } = await beginTopic(log, topic, resume);
    const lead = this.trail.from(place.messages);
    const merge = new Merge(log, place, [], null, offsets, lead);
    const decoder = new Decoder(model, {
      capacity: this.opened.decoder.layout.capacity,
      unlabelled: true,
      distinct: false,
      watch: false,
    });
    const rows = pieceRows(decoder.layout);
    const buffer = new ArrayBuffer(decoder.layout.bytes);
    yield* decodedMessages(log, merge, decoder, {
      limit: Number.POSITIVE_INFINITY,
      wanted: () => rows,
      lingerMs: IDLE_MS,
      clock: systemClock,
      buffer: () => buffer,
      schemas: this.schemasOf(decoder.schemas),
    });
  }.bind(this);

  private schemasOf(reader: SchemaReader | null | undefined): TopicSchemas | undefined {
    if (!reader) return undefined;
    return new TopicSchemas(reader, this.job.topic!.registry, this.opened.start.schemas ?? {});
  }
}

function isOrder(entry: Decision): entry is MergeDecision {
  return entry.kind !== "publish" && entry.kind !== "resume" && entry.kind !== "mark";
}
