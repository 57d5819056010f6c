import { type MessagePort, workerData } from "node:worker_threads";
import { toPlainError } from "../core/errors.js";
import { Decoder } from "../decode/decoder.js";
import { openSource } from "../source/source.js";
import type { Job, StreamPosition } from "./job.js";
import type { FromDecoder, ToDecoder } from "./messages.js";
import { decodedBatches } from "./stream.js";

/** Batches on their way to the consumer; a further one waits until a buffer comes back. */
const IN_FLIGHT = 4;

const { job, port } = workerData as { job: Job; port: MessagePort };
const pool: ArrayBuffer[] = [];
let credits = IN_FLIGHT;
let wake = () => {};

port.on("message", (message: ToDecoder) => {
  if (message.type === "start") run(message).catch((error) => send({ type: "error", error: toPlainError(error) }));
  else {
    pool.push(message.buffer);
    credits += 1;
    wake();
  }
});

function send(message: FromDecoder, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

async function run(start: {
  position: StreamPosition;
  limit: number;
  fingerprints: readonly string[];
  capacity: number;
}): Promise<void> {
  const source = openSource(job.data, { epochs: job.epochs });
  await source.verify(start.fingerprints);
  const decoder = new Decoder(job.spec, { capacity: start.capacity, requireLabel: job.kind !== "predict" });
  const options = { start: start.position, epochs: job.epochs, limit: start.limit, recycled: () => pool.pop() };
  let left = start.limit;
  for await (const decoded of decodedBatches(source, decoder, options)) {
    left -= decoded.rows;
    const message = {
      type: "batch",
      decoded,
      fingerprints: source.fingerprints,
      totalBytes: source.totalBytes,
    } as const;
    send(message, [decoded.buffer]);
    credits -= 1;
    while (credits === 0) await new Promise<void>((resolve) => (wake = resolve));
  }
  await source.close();
  send({ type: "end", endedBy: left === 0 ? "limit" : "end" });
}
