import type { DeltaSink, Entry } from "../../src/delta-log/delta-log.js";
import { sealFrame } from "../../src/delta-log/frame.js";
import { Publisher } from "../../src/delta-log/publisher.js";
import type { TopicDoor, TopicMessage, TopicReading } from "../../src/delta-log/topic-source.js";
import { SPEC } from "./world.js";

/** A topic of one partition in memory: bytes under keys, from any writer. */
export class MemoryTopic implements TopicDoor {
  readonly messages: TopicMessage[] = [];
  /** Transforms the next messages that a sink writes; null: nothing is written. */
  tamper: (value: Uint8Array) => Uint8Array | null = (value) => value;

  send(key: string, value: Uint8Array | null): void {
    this.messages.push({ offset: BigInt(this.messages.length), key, value });
  }

  /** The values of the newest entry's parts. */
  get last(): Uint8Array {
    return this.messages.findLast(({ value }) => value !== null)!.value!;
  }

  sink(epoch: number): DeltaSink {
    return {
      needsSnapshot: async () => this.messages.length === 0,
      append: async ({ kind, number, parts, bodies }: Entry) => {
        let part = 0;
        for (const body of bodies()) {
          const value = this.tamper(sealFrame({ epoch, sent: 0, body }));
          if (value) this.send(`${kind}/${String(number).padStart(12, "0")}/${part}/${parts}`, value);
          part++;
        }
      },
      close: async () => {},
    };
  }

  publisher(epoch: number, run: string, snapshotEvery: number): Publisher {
    return new Publisher({ sink: this.sink(epoch), spec: SPEC, run, snapshotEvery });
  }

  async watermarks(): Promise<{ low: bigint; high: bigint }> {
    return { low: 0n, high: BigInt(this.messages.length) };
  }

  async open(at: bigint, signal: AbortSignal): Promise<TopicReading> {
    let next = Number(at);
    return {
      seek: (offset) => {
        next = Number(offset);
      },
      next: async () => {
        while (next >= this.messages.length && !signal.aborted) await new Promise((resolve) => setImmediate(resolve));
        return signal.aborted ? null : this.messages[next++];
      },
      close: async () => {},
    };
  }
}
