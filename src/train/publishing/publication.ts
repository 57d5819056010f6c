import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { MessagePort } from "node:worker_threads";
import { writeFileAtomically } from "../../core/atomic-file.js";
import { type Clock, wallTime } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { nodeFiles, quietly } from "../../core/files.js";
import type { DeltaSink } from "../../delta-log/delta-log.js";
import { InProcessSink } from "../../delta-log/in-process-log.js";
import { openSink } from "../../delta-log/open.js";
import { Publisher, type PublisherState } from "../../delta-log/publisher.js";
import { SinkList } from "../../delta-log/sink-list.js";
import { EventTimes, Freshness } from "../../delta-log/times.js";
import type { Model } from "../../model/model.js";
import type { ModelChanges } from "../../model/replica-state.js";
import { specHash } from "../../spec/hash.js";
import type { PublishSpec } from "../job.js";
import type { Decision, OrderLog } from "../ordering/order-log.js";
import { RetryingSink, type RetryOptions } from "../workers/retry.js";
import type { Gatekeeper } from "./gatekeeper.js";

/**
 * While nothing is learned, an entry is published this often, so that followers can distinguish silence from failure.
 */
const HEARTBEAT_MS = 10_000;

export interface PublicationOptions {
  readonly spec: PublishSpec;
  readonly model: Model;
  readonly order: OrderLog;
  readonly clock: Clock;
  /** The run's directory, which stores the writer's generation. */
  readonly directory: string;
  /** A follower in this process; null: none. */
  readonly port: MessagePort | null;
  /** State from the checkpoint that is resumed from; null: a new run. */
  readonly state: PublisherState | null;
  readonly retry: RetryOptions;
  /** The gatekeeper, which may hold publication; null: none. */
  readonly keeper: Gatekeeper | null;
  /** The checkpoint is of a run that was on hold, and no gate holds it now. */
  readonly wasHeld: boolean;
}

/**
 * Publishes a run's changes by the clock, and before every checkpoint. Every entry is recorded in the order log first,
 * so that a killed run publishes the same entries again, at the same points, before the clock decides again.
 */
export class Publication {
  private readonly options: PublicationOptions;
  private readonly publisher: Publisher;
  private readonly sink: DeltaSink;
  private planned: Extract<Decision, { kind: "publish" }>[];
  private readonly changes: ModelChanges;
  private readonly times = new EventTimes();
  readonly freshness = new Freshness(wallTime);
  private dirty = false;
  private failure: HashbrookError | null = null;
  private lastMs: number;
  /** Whether followers were notified that publication is on hold. */
  private holdReported = false;

  private constructor(options: PublicationOptions, sink: DeltaSink) {
    const { model, spec, state, order, clock } = options;
    this.options = options;
    this.sink = sink;
    this.publisher = new Publisher({
      sink,
      spec: model.spec,
      run: specHash(model.spec),
      precision: spec.precision,
      snapshotEvery: spec.snapshotEvery,
      gated: options.keeper !== null,
    });
    if (state) this.publisher.restore(state);
    this.planned = order.entries.filter((entry) => entry.kind === "publish");
    this.changes = model.serving.changes();
    this.lastMs = clock.now();
    if (options.wasHeld) this.resume();
  }

  /** @throws HashbrookError usage, kafka_…, store_…, log_… */
  static async open(options: PublicationOptions): Promise<Publication> {
    const tell = (text: string) => void process.stderr.write(`hashbrook: ${text}\n`);
    const run = specHash(options.model.spec);
    const writer = { epoch: nextEpoch(options.directory), run, now: wallTime, tell };
    const opened = await Promise.all(options.spec.urls.map((url) => openSink(url, writer)));
    const sinks: DeltaSink[] = opened.map((sink) => new RetryingSink(sink, options.retry));
    if (options.port) sinks.push(new InProcessSink(options.port, writer));
    return new Publication(options, new SinkList(sinks));
  }

  /** True while entries of a killed run are being repeated. */
  get replaying(): boolean {
    return this.planned.length > 0;
  }

  /** Does not repeat entries of a killed run from here on: the stream has taken another course. */
  decideAnew(): void {
    this.planned = [];
  }

  /**
   * If the run is ending anyway, its last checkpoint is more important than delivering its last changes: publishes
   * nothing more, and followers get a snapshot from the run that continues.
   */
  private giveUp(failure: HashbrookError): void {
    this.failure = failure;
    const numbers = this.planned.map(({ number }) => number);
    this.publisher.giveUp(Math.max(this.state.number, ...numbers) + 1);
    this.planned = [];
  }

  /** The state for the checkpoint. */
  get state(): PublisherState {
    return this.publisher.state();
  }

  /** @param times ms since the epoch of events just learned; 0 = unknown */
  learned(times: Float64Array): void {
    this.times.add(times);
    this.dirty = true;
  }

  /** Whether an entry is due after `examples`: as in the killed run, else by the clock. */
  async due(examples: number): Promise<boolean> {
    if (this.replaying) return this.planned[0].at <= examples;
    if (this.failure) return false;
    const { clock, spec } = this.options;
    const waited = clock.now() - this.lastMs;
    if (this.held !== null) return this.state.number >= 0 && (!this.holdReported || waited >= HEARTBEAT_MS);
    if (waited < spec.everyMs) return false;
    return this.dirty || waited >= HEARTBEAT_MS || this.state.number < 0 || (await this.sink.needsSnapshot());
  }

  /**
   * Publishes what has changed since the last entry. The model must not learn meanwhile.
   * @param ending the run ends with it: a failure is reported by `throwFailure`, after the checkpoint
   * @throws HashbrookError log_fenced, log_write, kafka_…, store_…; not the last three once the run was asked to stop
   */
  async publish(examples: number, ending = false): Promise<void> {
    try {
      await this.publishNow(examples);
    } catch (error) {
      if (!(ending || this.options.retry.stop.aborted) || !isOfPublishing(error)) throw error;
      this.giveUp(error);
    }
  }

  /** @throws the error that kept the run's last changes from being published, saying where they are saved */
  throwFailure(path: string): void {
    if (!this.failure) return;
    const { code, message, hint = "make the delta log (--publish) writable again" } = this.failure;
    throw new HashbrookError(code, `${message}: the last changes were not published, but are saved in ${path}`, {
      hint: `${hint}; then continue with --resume: followers get a snapshot`,
    });
  }

  private async publishNow(examples: number): Promise<void> {
    const { order, model, clock } = this.options;
    if (this.replaying) this.planned.shift();
    else order.append([{ kind: "publish", at: examples, number: this.state.number + 1 }]);
    order.sync();
    this.lastMs = clock.now();
    this.holdReported = this.held !== null;
    if (this.held !== null) {
      this.forget();
      return this.publisher.publishHeld(this.held);
    }
    const times = this.times.take();
    await this.publisher.publish(model.serving, examples, times, this.changes.take());
    this.freshness.add(times);
    this.dirty = false;
    this.lastMs = clock.now();
  }

  private get held(): string | null {
    return this.options.keeper?.held ?? null;
  }

  /**
   * Publishes what was held back as a snapshot, after a number that is skipped, because a run that was killed meanwhile
   * does not know which rows changed.
   */
  resume(): void {
    if (this.state.number < 0) return;
    this.forget();
    this.publisher.giveUp(this.state.number + 1);
    this.dirty = true;
  }

  /** Changes so far will be part of the next snapshot. */
  private forget(): void {
    this.times.take();
    this.changes.take();
    this.options.model.serving.pack("all");
  }

  /** Whether nothing was learned since the last entry, or nothing of it is published. */
  get clean(): boolean {
    return !this.dirty || this.failure !== null || this.held !== null;
  }

  async close(): Promise<void> {
    await this.sink.close();
  }
}

/**
 * True for failures of the delta log's brokers, stores or disks; false for another writer, or the run's own directory.
 */
function isOfPublishing(error: unknown): error is HashbrookError {
  return error instanceof HashbrookError && /^kafka_|^store_|^log_write$/.test(error.code);
}

/** The writer's generation: higher than that of any earlier process in this directory. */
function nextEpoch(directory: string): number {
  const path = join(directory, "epoch");
  let former = 0;
  quietly(() => {
    former = Number(readFileSync(path, "utf8")) || 0;
  });
  const epoch = Math.max(former + 1, wallTime());
  writeFileAtomically(nodeFiles, path, new TextEncoder().encode(`${epoch}\n`));
  return epoch;
}
