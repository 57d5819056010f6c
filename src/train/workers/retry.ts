import { setTimeout as sleep } from "node:timers/promises";
import { HashbrookError } from "../../core/errors.js";
import type { DeltaSink, Entry } from "../../delta-log/delta-log.js";

/** A run that cannot send retries until brokers or stores answer, or it is asked to stop. */
export interface RetryOptions {
  readonly stop: AbortSignal;
  /** Called with the reason why the run cannot continue; null when it can again. */
  readonly waiting: (reason: string | null) => void;
}

const UNREACHABLE = new Set(["kafka_unreachable", "store_unreachable"]);
/**
 * An answer is late after this many ticks. A tick passes only if the event loop runs: during a long step of learning, answers
 * wait here, not at the broker.
 */
const LATE_TICKS = 5;
const TICK_MS = 1_000;
const RETRY_MS = 1_000;

/**
 * Retries `work` as long as no broker or store answers: an outage pauses a trainer, it does not end it. The work must
 * be idempotent.
 * @param what name of the awaited service, for the reason
 * @throws HashbrookError kafka_unreachable, store_unreachable only after `stop`; all others at once
 */
export async function retried<T>(what: string, work: () => Promise<T>, { stop, waiting }: RetryOptions): Promise<T> {
  let ticks = 0;
  const late = setInterval(() => ++ticks % LATE_TICKS === 0 && waiting(`${what}: no answer`), TICK_MS);
  try {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (stop.aborted || !(error instanceof HashbrookError) || !UNREACHABLE.has(error.code)) throw error;
        waiting(`${what}: ${error.message}`);
      }
      await sleep(RETRY_MS, undefined, { signal: stop }).catch(() => {});
    }
  } finally {
    clearInterval(late);
    waiting(null);
  }
}

/**
 * A delta log that waits for its brokers or its store. Entries are sent again in full: followers recognise them by
 * their numbers.
 */
export class RetryingSink implements DeltaSink {
  private readonly sink: DeltaSink;
  private readonly retry: RetryOptions;

  constructor(sink: DeltaSink, retry: RetryOptions) {
    this.sink = sink;
    this.retry = retry;
  }

  needsSnapshot(): Promise<boolean> {
    return this.sink.needsSnapshot();
  }

  append(entry: Entry): Promise<void> {
    return retried("publishing", () => this.sink.append(entry), this.retry);
  }

  close(): Promise<void> {
    return this.sink.close();
  }
}
