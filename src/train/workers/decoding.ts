import type { MessagePort } from "node:worker_threads";
import { toPlainError } from "../../core/errors.js";
import { firstOf, isBefore } from "../files/position.js";
import type { Job } from "../job.js";
import type { TopicPosition } from "../ordering/merge.js";
import { FileDecoding } from "./file-decoding.js";
import { Labels } from "./labels.js";
import { Outlets } from "./outlets.js";
import type { StreamStart, ToDecoder } from "./thread-messages.js";
import { TopicDecoding } from "./topic-decoding.js";
import { loadTopicModules } from "./topic-modules.js";

/** The task of a decoding thread. */
export interface DecodeTask {
  readonly job: Job;
  /** To the consumers, which all learn the same batches. */
  readonly ports: readonly MessagePort[];
  /** Start positions of each of their models, if known from the start. */
  readonly starts?: readonly StreamStart[];
}

/** Decodes a job's events for its consumers. */
export class Decoding {
  private readonly job: Job;
  private readonly starts: readonly StreamStart[] | undefined;
  private readonly outlets: Outlets;
  private readonly labels: Labels;
  /** Called when a consumer is ready. */
  private ready = (_port: MessagePort) => {};
  /** By consumer: the position that all of its models have saved. */
  private readonly saved = new Map<MessagePort, TopicPosition>();
  /** From the moment the topic's group may be joined; null for files. */
  private topic: TopicDecoding | null = null;
  /** Files or the topic were read to the requested end, and are closed. */
  private over = false;

  private constructor({ job, ports, starts }: DecodeTask, left: (clean: boolean) => void) {
    this.job = job;
    this.starts = starts;
    this.labels = new Labels(job);
    // Loaded while the other thread loads the model; a failure is handled where the modules are needed.
    if (job.topic) loadTopicModules().catch(() => {});
    this.outlets = new Outlets(ports, {
      message: (message, port) => this.take(message, port),
      left: () =>
        this.leave().then(
          () => left(this.over),
          () => left(false),
        ),
    });
    if (!starts) return;
    this.join();
    this.begin(starts);
  }

  /** Resolves when the last consumer has left, with whether nothing of the source is still held. */
  static run(task: DecodeTask): Promise<boolean> {
    return new Promise((resolve) => new Decoding(task, resolve));
  }

  private take(message: Exclude<ToDecoder, { type: "free" | "stop" }>, port: MessagePort): void {
    if (message.type === "join") this.join();
    else if (message.type === "start") this.begin([message.start]);
    else if (message.type === "ready") this.ready(port);
    else this.save(message.position as TopicPosition, port);
  }

  /** Joins the topic's group, if the job reads one. */
  private join(): void {
    const { job, outlets, labels } = this;
    this.topic = job.topic && new TopicDecoding(job, job.topic, outlets, labels);
  }

  /** A consumer's models have saved a position. It is committed to the brokers once all have. */
  private save(position: TopicPosition, port: MessagePort): void {
    this.saved.set(port, position);
    const places = this.outlets.ports.flatMap((one) => this.saved.get(one) ?? []);
    if (places.length < this.outlets.ports.length) return;
    this.topic?.commit(places.reduce((least, place) => (isBefore(place, least) ? place : least)));
  }

  private begin(starts: readonly StreamStart[]): void {
    this.run(starts).catch((error) => this.outlets.send({ type: "error", error: toPlainError(error) }));
  }

  private async run(starts: readonly StreamStart[]): Promise<void> {
    const { job, outlets, labels, topic } = this;
    const limited = await (topic
      ? topic.run(firstOf(starts), () => this.allReady())
      : FileDecoding.run(job, starts, outlets, labels));
    this.over = !job.data.includes("-");
    outlets.send({ type: "end", endedBy: limited ? "limit" : "end" });
  }

  /** Where several models learn: resolves when the run's start is durable for all, so that none of them learns before. */
  private async allReady(): Promise<void> {
    if (!this.starts) return;
    const waiting = new Set(this.outlets.ports);
    await new Promise<void>((resolve) => {
      this.ready = (port) => {
        waiting.delete(port);
        if (waiting.size === 0) resolve();
      };
    });
  }

  private async leave(): Promise<void> {
    if (this.topic) await this.topic.close();
    else await this.labels.close();
  }
}
