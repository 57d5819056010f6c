import { type MessagePort, workerData } from "node:worker_threads";
import { systemClock } from "../core/clock.js";
import { toPlainError } from "../core/errors.js";
import { ChainWriter, type ChangedRows, type Increment } from "./chain-writer.js";
import { joinRows } from "./join-rows.js";
import type { FromWriter, ToWriter, WriterSetup } from "./writer-messages.js";

const { port, directory, options } = workerData as WriterSetup & { port: MessagePort };
const writer = new ChainWriter(directory, options);
/** A step of what is left to do is due. */
let working = false;
/** Rows of the next increment that have come already, oldest first. */
let ahead: ChangedRows[] = [];

function tell(message: FromWriter, memory: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, [...memory]);
}

/** Runs work of the writer; what goes wrong is the trainer's to know. */
function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    tell({ type: "error", error: toPlainError(error) });
  }
}

function save({ patches, ...rest }: Increment): void {
  const earlier = ahead;
  ahead = [];
  const joined = patches.map((patch) =>
    joinRows(
      earlier.filter(({ name }) => name === patch.name),
      patch,
    ),
  );
  const saved = writer.save({ ...rest, patches: joined });
  const buffers = [...earlier, ...patches].map(({ data }) => data.buffer as ArrayBuffer);
  tell({ type: "used", buffers }, buffers);
  tell({ type: "saved", saved });
}

/**
 * Compacts in steps, between which increments go first. Where they come one after the other, compaction has half of the time:
 * a chain must not grow faster than it is compacted.
 */
function compact(leastMs: number): void {
  const end = systemClock.now() + leastMs;
  attempt(() => {
    let more = writer.step();
    while (more && systemClock.now() < end) more = writer.step();
    if (more) later();
  });
}

function later(): void {
  if (working) return;
  working = true;
  setImmediate(() => {
    working = false;
    compact(0);
  });
}

port.on("message", (message: ToWriter) => {
  if (message.type === "rows") ahead.push(...message.rows);
  else if (message.type === "save") {
    const started = systemClock.now();
    attempt(() => save(message.increment));
    compact(systemClock.now() - started);
  } else {
    attempt(() => writer.abandon());
    tell({ type: "stopped" });
    port.close();
  }
});
