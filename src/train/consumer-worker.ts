import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../core/clock.js";
import { fromPlainError, toPlainError } from "../core/errors.js";
import type { Consumer, EndedBy } from "./consumer.js";
import { Evaluator } from "./evaluator.js";
import type { Job, Report } from "./job.js";
import type { FromConsumer, FromDecoder, SourceHealth, ToConsumer, ToDecoder } from "./messages.js";
import { Predictor } from "./predictor.js";
import { Trainer } from "./trainer.js";

const PROGRESS_MS = 250;
const IDLE_MS = 25;

const { job, port, follower } = workerData as { job: Job; port: MessagePort; follower: MessagePort | null };
const inbox: FromDecoder[] = [];
let wake = () => {};
let stopping = false;

port.on("message", (message: FromDecoder) => {
  inbox.push(message);
  wake();
});
parentPort!.on("message", (_stop: ToConsumer) => {
  stopping = true;
  wake();
});

/** The next message; null: stop; undefined: none came for a while. */
async function received(): Promise<FromDecoder | null | undefined> {
  if (inbox.length === 0 && !stopping) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, IDLE_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  return stopping ? null : inbox.shift();
}

function tell(message: FromConsumer): void {
  parentPort!.postMessage(message);
}

function tellDecoder(message: ToDecoder): void {
  port.postMessage(message);
}

async function consumeAll(consumer: Consumer): Promise<EndedBy> {
  let told = systemClock.now();
  let buffers: readonly SharedArrayBuffer[] = [];
  let source: SourceHealth | null = null;
  let { committed } = consumer;
  const report = () => {
    told = systemClock.now();
    tell({ type: "progress", progress: { ...consumer.progress(), source } });
  };
  for (;;) {
    const message = await received();
    if (message === null) return "stopped";
    if (message === undefined) {
      await consumer.idle?.();
      continue;
    }
    if (message.type === "end") return message.endedBy;
    if (message.type === "error") throw fromPlainError(message.error);
    if (message.type === "buffers") {
      buffers = message.buffers;
      continue;
    }
    if (message.type === "state") {
      source = message.state;
      report();
      continue;
    }
    await consumer.consume({ ...message.decoded, buffer: buffers[message.slot] }, message);
    tellDecoder({ type: "free", slot: message.slot });
    if (consumer.committed && consumer.committed !== committed) {
      committed = consumer.committed;
      tellDecoder({ type: "committed", position: committed });
    }
    if (systemClock.now() - told >= PROGRESS_MS) report();
  }
}

const kinds = { train: Trainer, eval: Evaluator, predict: Predictor };

async function run(): Promise<Report> {
  const consumer: Consumer = await kinds[job.kind].open(job, systemClock, follower);
  try {
    const { start, replay, limit, fingerprints, capacity } = consumer;
    tellDecoder({ type: "start", position: start, replay, limit, fingerprints, capacity });
    return await consumer.finish(await consumeAll(consumer));
  } finally {
    tellDecoder({ type: "stop" });
    await consumer.close();
  }
}

run()
  .then((report) => tell({ type: "done", report }))
  .catch((error) => tell({ type: "error", error: toPlainError(error) }))
  .finally(() => port.close());
