import { type MessagePort, workerData } from "node:worker_threads";
import { toPlainError } from "../core/errors.js";
import { Decoder } from "../decode/decoder.js";
import { openSource } from "../source/source.js";
import type { Job } from "./job.js";
import type { FromDecoder, ToDecoder } from "./messages.js";
import { decodedBatches } from "./stream.js";

/** Batches on their way to the consumer; a further one waits until a buffer is free. */
const IN_FLIGHT = 4;

const { job, port } = workerData as { job: Job; port: MessagePort };
const free: number[] = [];
let wake = () => {};

port.on("message", (message: ToDecoder) => {
  if (message.type === "start") run(message).catch((error) => send({ type: "error", error: toPlainError(error) }));
  else {
    free.push(message.slot);
    wake();
  }
});

function send(message: FromDecoder): void {
  port.postMessage(message);
}

async function run(start: Extract<ToDecoder, { type: "start" }>): Promise<void> {
  const source = openSource(job.data, { epochs: job.epochs });
  await source.verify(start.fingerprints);
  const decoder = new Decoder(job.spec, { capacity: start.capacity, requireLabel: job.kind !== "predict" });
  const buffers = Array.from({ length: IN_FLIGHT }, () => new SharedArrayBuffer(decoder.layout.bytes));
  free.push(...buffers.keys());
  send({ type: "buffers", buffers });
  const options = { start: start.position, epochs: job.epochs, limit: start.limit, buffer: () => buffers[free[0]] };
  let left = start.limit;
  for await (const { buffer, ...decoded } of decodedBatches(source, decoder, options)) {
    left -= decoded.rows;
    send({
      type: "batch",
      slot: free.shift()!,
      decoded,
      fingerprints: source.fingerprints,
      totalBytes: source.totalBytes,
    });
    while (free.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  await source.close();
  send({ type: "end", endedBy: left === 0 ? "limit" : "end" });
}
