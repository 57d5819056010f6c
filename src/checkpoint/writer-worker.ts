import { type MessagePort, workerData } from "node:worker_threads";
import { toPlainError } from "../core/errors.js";
import { ChainWriter } from "./chain-writer.js";
import type { FromWriter, ToWriter, WriterSetup } from "./writer-messages.js";

const { port, directory, options } = workerData as WriterSetup & { port: MessagePort };
const writer = new ChainWriter(directory, options);
let working = false;

function tell(message: FromWriter): void {
  port.postMessage(message);
}

/** Runs work of the writer; what goes wrong is the trainer's to know. */
function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    tell({ type: "error", error: toPlainError(error) });
  }
}

/** Compacts, a step at a time; increments that come in between go first. */
function compact(): void {
  if (working) return;
  working = true;
  setImmediate(() => {
    working = false;
    attempt(() => {
      if (writer.step()) compact();
    });
  });
}

port.on("message", (message: ToWriter) => {
  if (message.type === "save") {
    attempt(() => tell({ type: "saved", saved: writer.save(message.increment) }));
    compact();
    return;
  }
  attempt(() => writer.abandon());
  tell({ type: "stopped" });
  port.close();
});
