import type { MessagePort } from "node:worker_threads";
import type { Room } from "../../core/batch.js";
import { systemClock } from "../../core/clock.js";
import { closingAfter } from "../../core/closing.js";
import { fromPlainError, toPlainError } from "../../core/errors.js";
import type { Consumer, EndedBy, Upstream } from "../consumer.js";
import type { Job, StreamPosition } from "../job.js";
import { keptAtFailure } from "../source-failure.js";
import type { RetryOptions } from "./retry.js";
import type { FromConsumer, FromDecoder, SourceHealth, ToConsumer, ToDecoder } from "./thread-messages.js";

const PROGRESS_MS = 250;
const IDLE_MS = 25;

/** The task of a consuming thread. */
export interface ConsumeTask {
  readonly job: Job;
  /** To the decoding thread. */
  readonly port: MessagePort;
  /** To the thread that receives the report. */
  readonly control: MessagePort;
  readonly follower: MessagePort | null;
}

/** Learns or scores what the decoding thread decodes, and reports progress. */
export class Consuming {
  private readonly task: ConsumeTask;
  private readonly inbox: FromDecoder[] = [];
  private wake = () => {};
  /** Consumed buffers that the decoding thread has not been notified of yet. */
  private freed: number[] = [];
  /** Whether the consumer signals good moments for decoding the next batch. */
  private spares = false;
  private readonly stopping = new AbortController();
  /** The state of the source, and why the consumer itself cannot continue, if it cannot. */
  private source: SourceHealth | null = null;
  private blocked: string | null = null;
  private reportedAt = systemClock.now();
  private report = () => {};
  private committed: StreamPosition | null = null;
  /** The memory of the batches, by slot. */
  private buffers: readonly Room[] = [];

  constructor(task: ConsumeTask) {
    this.task = task;
    task.port.on("message", (message: FromDecoder) => this.take(message));
    task.control.on("message", (_stop: ToConsumer) => {
      this.stopping.abort();
      this.wake();
    });
  }

  /** Resolves with whether nothing of the job is still running or held. */
  async run(): Promise<boolean> {
    const { job, port, control, follower } = this.task;
    try {
      this.tell({ type: "done", report: await this.reported() });
      return !job.publish && !job.deadLetters && !job.unused?.topic && !follower;
    } catch (error) {
      this.tell({ type: "error", error: toPlainError(error) });
      return false;
    } finally {
      port.close();
      control.close();
    }
  }

  private async reported() {
    let consumer: Consumer | null = null;
    const consume = async () => {
      const opened = await this.open();
      consumer = opened;
      return opened.finish(await this.consumeAll(opened)).finally(() => this.tellCommitted(opened));
    };
    const close = () => {
      this.tellDecoder({ type: "stop" });
      return consumer?.close();
    };
    return closingAfter(consume, { close });
  }

  /** What each kind of job does with batches; only the one needed is loaded. */
  private async open(): Promise<Consumer> {
    const { job, follower } = this.task;
    const { retry, upstream } = this;
    if (job.kind === "eval")
      return (await import("../evaluation/evaluator.js")).Evaluator.open(job, systemClock, upstream);
    if (job.kind === "predict")
      return (await import("../prediction/predictor.js")).Predictor.open(job, systemClock, upstream);
    return (await import("../trainer.js")).Trainer.open(job, { clock: systemClock, follower, retry, upstream });
  }

  private readonly upstream: Upstream = {
    join: () => this.tellDecoder({ type: "join" }),
    start: (start) => this.tellDecoder({ type: "start", start }),
    spare: () => {
      this.spares = true;
      this.free();
    },
  };

  private get retry(): RetryOptions {
    const waiting = (reason: string | null) => {
      if (reason === this.blocked) return;
      this.blocked = reason;
      this.report();
    };
    return { stop: this.stopping.signal, waiting };
  }

  private take(message: FromDecoder): void {
    if (message.type === "state") {
      this.source = message.state;
      // Immediately: the consumer may be waiting for brokers, which the report says.
      this.report();
      return;
    }
    this.inbox.push(message);
    this.wake();
  }

  private reporter(consumer: Consumer): () => void {
    return () => {
      const { blocked, source } = this;
      this.reportedAt = systemClock.now();
      const health = blocked === null ? source : { ready: false, reason: blocked, lag: source?.lag ?? [] };
      this.tell({ type: "progress", progress: { ...consumer.progress(), source: health } });
    };
  }

  /** The next message; null: stop; undefined: none came for a while. */
  private async received(): Promise<FromDecoder | null | undefined> {
    const { inbox, stopping } = this;
    // Pending messages are delivered between two turns of the event loop.
    if (inbox.length === 0) await new Promise(setImmediate);
    if (inbox.length === 0 && !stopping.signal.aborted) {
      this.free();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, IDLE_MS);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return stopping.signal.aborted ? null : inbox.shift();
  }

  /** Lets the decoding thread, which this wakes, fill the buffers again. */
  private free(): void {
    for (const slot of this.freed) this.tellDecoder({ type: "free", slot });
    this.freed = [];
  }

  private tell(message: FromConsumer): void {
    this.task.control.postMessage(message);
  }

  private tellDecoder(message: ToDecoder): void {
    this.task.port.postMessage(message);
  }

  private tellCommitted({ committed }: Consumer): void {
    if (!committed || committed === this.committed) return;
    this.committed = committed;
    this.tellDecoder({ type: "committed", position: committed });
  }

  private async consumeAll(consumer: Consumer): Promise<EndedBy> {
    this.report = this.reporter(consumer);
    for (;;) {
      if (consumer.ended) return consumer.ended;
      const message = await this.received();
      if (message === null) return "stopped";
      if (message?.type === "end") return message.endedBy;
      if (message) await this.handle(consumer, message);
      else await this.idle(consumer);
    }
  }

  private async idle(consumer: Consumer): Promise<void> {
    await consumer.idle?.();
    this.tellCommitted(consumer);
  }

  private async handle(consumer: Consumer, message: FromDecoder): Promise<void> {
    switch (message.type) {
      case "buffers":
        this.buffers = message.buffers;
        break;
      case "opened":
        await consumer.opened?.(message.position, message.fingerprints);
        break;
      case "began":
        consumer.began?.(message.plan);
        break;
      case "batch":
        await this.consumeBatch(consumer, message);
        break;
      case "validated":
        consumer.validationEnded?.(message.epoch, message.data);
        this.report();
        break;
      case "error":
        // As when it is told to stop, it must not wait indefinitely.
        if (consumer.progress().unsaved > 0) this.stopping.abort();
        throw await keptAtFailure(consumer, fromPlainError(message.error));
    }
  }

  private async consumeBatch(consumer: Consumer, message: Extract<FromDecoder, { type: "batch" }>): Promise<void> {
    const decoded = { ...message.decoded, ...this.buffers[message.slot] };
    if (message.kind === "validate") await consumer.validate?.(decoded);
    else await consumer.consume(decoded, message);
    this.freed.push(message.slot);
    if (!this.spares) this.free();
    this.tellCommitted(consumer);
    if (systemClock.now() - this.reportedAt >= PROGRESS_MS) this.report();
  }
}
