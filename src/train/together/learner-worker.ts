import { parentPort, workerData } from "node:worker_threads";
import { toPlainError } from "../../core/errors.js";
import type { RetryOptions } from "../workers/retry.js";
import { Contender } from "./contender.js";
import type { FromLearner, LearnerData, Proceed, StreamMessage, ToLearner } from "./messages.js";
import { StreamLoop } from "./stream-loop.js";

const { contenders, progressMs } = workerData as LearnerData;
const stopping = new AbortController();
const retry: RetryOptions = { stop: stopping.signal, waiting() {} };
const waiting = new Map<number, (proceed: Proceed) => void>();

function tell(message: FromLearner): void {
  parentPort!.postMessage(message);
}

/** Opens a contender; a failure is reported, and it takes no part. */
async function open({ contender, job }: LearnerData["contenders"][number]): Promise<Contender | null> {
  try {
    return await Contender.open(job, retry, (start) => tell({ type: "start", contender, start }));
  } catch (error) {
    tell({ type: "failed", contender, error: toPlainError(error) });
    return null;
  }
}

const opening = new Map(contenders.map((each) => [each.contender, open(each)]));

function roundOver(stream: number): Promise<Proceed> {
  return new Promise((resolve) => {
    const goOn = () => resolve({ type: "proceed", stream, drop: [], discard: false });
    if (stopping.signal.aborted) goOn();
    stopping.signal.addEventListener("abort", goOn, { once: true });
    waiting.set(stream, (proceed) => {
      stopping.signal.removeEventListener("abort", goOn);
      resolve(proceed);
    });
  });
}

async function learn(message: StreamMessage): Promise<void> {
  const mine = new Map<number, Contender>();
  for (const member of message.members) {
    const contender = await opening.get(member);
    if (contender) mine.set(member, contender);
  }
  const options = { contenders: mine, progressMs, stop: stopping.signal, tell };
  await new StreamLoop(message, { ...options, roundOver: () => roundOver(message.stream) }).run();
}

async function abort(): Promise<void> {
  for (const contender of await Promise.all(opening.values())) await contender?.trainer.close();
  end();
}

function end(): void {
  tell({ type: "ended" });
  parentPort!.close();
}

parentPort!.on("message", (message: ToLearner) => {
  if (message.type === "abort") abort();
  else if (message.type === "stop") stopping.abort();
  else if (message.type === "proceed") waiting.get(message.stream)?.(message);
  else Promise.all(message.streams.map(learn)).then(end);
});
