import { type MessagePrint, printOf } from "../messages.js";
import type { Chunk } from "../partitioned-log.js";

/**
 * The messages that were learned last, one of each partition: reading begins with them, so that a topic that was made anew under
 * its name is known by them. One that retention or compaction has deleted tells nothing.
 */
export class LastMessages {
  private readonly prints: readonly (MessagePrint | null)[];
  /** Where reading goes on after the comparison, by partition. */
  private readonly waiting = new Map<number, bigint>();

  constructor(prints: readonly (MessagePrint | null)[]) {
    this.prints = prints;
  }

  /** While true, nothing must be handed out of any partition. */
  get pending(): boolean {
    return this.waiting.size > 0;
  }

  /** Where reading begins. @param low the oldest offset that is kept */
  begin(partition: number, next: bigint, low: bigint): bigint {
    const print = this.prints[partition];
    if (!print || BigInt(print.offset) < low) return next;
    this.waiting.set(partition, next);
    return BigInt(print.offset);
  }

  /** There is nothing to compare any more. @returns where reading goes on, when it did not yet */
  release(partition: number): bigint | undefined {
    const next = this.waiting.get(partition);
    this.waiting.delete(partition);
    return next;
  }

  /** The offset at which the first messages of a partition hold another message; null = none, and the comparison is done. */
  contradiction(partition: number, chunks: readonly Chunk[]): string | null {
    const print = this.prints[partition];
    if (!print || !this.waiting.has(partition)) return null;
    const offset = Number(print.offset);
    for (const { messages } of chunks) {
      const at = messages.offsets.indexOf(offset);
      if (at >= 0 && printOf(messages, at).xxh64 !== print.xxh64) return print.offset;
    }
    this.release(partition);
    return null;
  }
}
