import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { Room } from "../../core/batch.js";
import { systemClock } from "../../core/clock.js";
import { fromPlainError, toPlainError } from "../../core/errors.js";
import type { Consumer, EndedBy, Upstream } from "../consumer.js";
import type { Job, StreamPosition } from "../job.js";
import type { Report } from "../report.js";
import { keptAtFailure } from "../source-failure.js";
import type { RetryOptions } from "./retry.js";
import type { FromConsumer, FromDecoder, SourceHealth, ToConsumer, ToDecoder } from "./thread-messages.js";

const PROGRESS_MS = 250;
const IDLE_MS = 25;

const { job, port, follower } = workerData as { job: Job; port: MessagePort; follower: MessagePort | null };
const inbox: FromDecoder[] = [];
let wake = () => {};
/** Buffers of batches that were consumed, which the decoding thread is not told of yet. */
let freed: number[] = [];
/** Whether the consumer tells when another batch is best decoded. */
let spares = false;
const stopping = new AbortController();
/** How the source is, and why the consumer itself cannot go on, if it cannot. */
let source: SourceHealth | null = null;
let blocked: string | null = null;
let told = systemClock.now();
let report = () => {};

port.on("message", (message: FromDecoder) => {
  if (message.type === "state") {
    source = message.state;
    // At once: the consumer may be waiting for brokers, which is what it tells.
    report();
    return;
  }
  inbox.push(message);
  wake();
});
parentPort!.on("message", (_stop: ToConsumer) => {
  stopping.abort();
  wake();
});

const retry: RetryOptions = {
  stop: stopping.signal,
  waiting(reason) {
    if (reason === blocked) return;
    blocked = reason;
    report();
  },
};

function reporter(consumer: Consumer): () => void {
  return () => {
    told = systemClock.now();
    const health = blocked === null ? source : { ready: false, reason: blocked, lag: source?.lag ?? [] };
    tell({ type: "progress", progress: { ...consumer.progress(), source: health } });
  };
}

/** The next message; null: stop; undefined: none came for a while. */
async function received(): Promise<FromDecoder | null | undefined> {
  // Messages that have come are handed over between two turns of the event loop.
  if (inbox.length === 0) await new Promise(setImmediate);
  if (inbox.length === 0 && !stopping.signal.aborted) {
    free();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, IDLE_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  return stopping.signal.aborted ? null : inbox.shift();
}

/** Lets the decoding thread, which this wakes, fill the buffers again. */
function free(): void {
  for (const slot of freed) tellDecoder({ type: "free", slot });
  freed = [];
}

function tell(message: FromConsumer): void {
  parentPort!.postMessage(message);
}

function tellDecoder(message: ToDecoder): void {
  port.postMessage(message);
}

let committed: StreamPosition | null = null;

function tellCommitted(consumer: Consumer): void {
  if (!consumer.committed || consumer.committed === committed) return;
  committed = consumer.committed;
  tellDecoder({ type: "committed", position: committed });
}

async function consumeAll(consumer: Consumer): Promise<EndedBy> {
  let buffers: readonly Room[] = [];
  report = reporter(consumer);
  for (;;) {
    if (consumer.ended) return consumer.ended;
    const message = await received();
    if (message === null) return "stopped";
    if (message === undefined) {
      await consumer.idle?.();
      tellCommitted(consumer);
      continue;
    }
    if (message.type === "end") return message.endedBy;
    if (message.type === "error") {
      // As when it is told to stop: nobody is waited for without an end.
      if (consumer.progress().unsaved > 0) stopping.abort();
      throw await keptAtFailure(consumer, fromPlainError(message.error));
    }
    if (message.type === "buffers") {
      buffers = message.buffers;
      continue;
    }
    if (message.type === "opened") {
      await consumer.opened?.(message.position, message.fingerprints);
      continue;
    }
    if (message.type === "began") {
      consumer.began?.(message.plan);
      continue;
    }
    if (message.type === "validated") {
      consumer.validationEnded?.(message.epoch, message.data);
      report();
      continue;
    }
    if (message.type !== "batch") continue;
    const decoded = { ...message.decoded, ...buffers[message.slot] };
    if (message.kind === "validate") await consumer.validate?.(decoded);
    else await consumer.consume(decoded, message);
    freed.push(message.slot);
    if (!spares) free();
    tellCommitted(consumer);
    if (systemClock.now() - told >= PROGRESS_MS) report();
  }
}

const upstream: Upstream = {
  join: () => tellDecoder({ type: "join" }),
  start: (start) => tellDecoder({ type: "start", start }),
  spare() {
    spares = true;
    free();
  },
};

/** What each kind of job does with batches; only the one asked for is loaded. */
const open: Record<Job["kind"], () => Promise<Consumer>> = {
  train: async () =>
    (await import("../trainer.js")).Trainer.open(job, { clock: systemClock, follower, retry, upstream }),
  eval: async () => (await import("../evaluator.js")).Evaluator.open(job, systemClock, upstream),
  predict: async () => (await import("../predictor.js")).Predictor.open(job, systemClock, upstream),
};

async function run(): Promise<Report> {
  let consumer: Consumer | null = null;
  try {
    const opened = await open[job.kind]();
    consumer = opened;
    return await opened.finish(await consumeAll(opened)).finally(() => tellCommitted(opened));
  } finally {
    tellDecoder({ type: "stop" });
    await consumer?.close();
  }
}

run()
  .then((report) => tell({ type: "done", report }))
  .catch((error) => tell({ type: "error", error: toPlainError(error) }))
  .finally(() => port.close());
