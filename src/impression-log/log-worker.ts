// The thread that writes a log of impressions: it merges requests' parts into events, and waits for disks and brokers.
import { parentPort } from "node:worker_threads";
import { answerCalls } from "../serve/threads/thread-calls.js";
import type { LogCalls } from "./log-calls.js";
import { LogWriter } from "./log-writer.js";
import { openSink } from "./open-sink.js";
import { unpackScorings } from "./packed-scorings.js";

let writer: LogWriter;

answerCalls<LogCalls>(parentPort!, {
  async open({ to, serving }) {
    writer = new LogWriter(await openSink(to), serving);
    return undefined;
  },
  tell({ specHash, shape }) {
    writer.tell(specHash, shape);
    return undefined;
  },
  write: (packed) => writer.write(unpackScorings(packed)),
  tick: () => writer.tick(),
  close: () => writer.close(),
});
