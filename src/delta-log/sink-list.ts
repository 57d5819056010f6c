import type { DeltaSink, Entry } from "./delta-log.js";

/** Several logs with the same content. */
export class SinkList implements DeltaSink {
  private readonly sinks: readonly DeltaSink[];

  constructor(sinks: readonly DeltaSink[]) {
    this.sinks = sinks;
  }

  async needsSnapshot(): Promise<boolean> {
    for (const sink of this.sinks) if (await sink.needsSnapshot()) return true;
    return false;
  }

  /** Writes to each in turn, in the order given. */
  async append(entry: Entry): Promise<void> {
    for (const sink of this.sinks) await sink.append(entry);
  }

  async close(): Promise<void> {
    await Promise.all(this.sinks.map((sink) => sink.close()));
  }
}
