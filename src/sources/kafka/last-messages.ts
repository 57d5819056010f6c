import { type MessagePrint, printOf } from "../messages.js";
import type { Chunk } from "../partitioned-log.js";

/**
 * The last learned message of each partition. Reading begins with these messages and compares them, to detect a topic
 * that was recreated under the same name. A message deleted by retention or compaction cannot be compared.
 */
export class LastMessages {
  private readonly prints: readonly (MessagePrint | null)[];
  /** Offset at which reading continues after the comparison, by partition. */
  private readonly waiting = new Map<number, bigint>();

  constructor(prints: readonly (MessagePrint | null)[]) {
    this.prints = prints;
  }

  /** While true, no messages of any partition may be handed out. */
  get pending(): boolean {
    return this.waiting.size > 0;
  }

  /** The offset to begin reading at. @param low the oldest available offset */
  begin(partition: number, next: bigint, low: bigint): bigint {
    const print = this.prints[partition];
    if (!print || BigInt(print.offset) < low) return next;
    this.waiting.set(partition, next);
    return BigInt(print.offset);
  }

  /** Ends the comparison of a partition. @returns the offset to continue reading at, if it was not returned before */
  release(partition: number): bigint | undefined {
    const next = this.waiting.get(partition);
    this.waiting.delete(partition);
    return next;
  }

  /**
   * The offset at which the first messages of a partition differ from the learned one; null if none differs, and the
   * comparison is complete.
   */
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
