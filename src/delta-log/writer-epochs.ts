/**
 * Which entries count where several writers wrote one log. A writer that starts again from a checkpoint has a higher epoch and
 * goes its own way from some number on: whatever earlier writers wrote from there on counts no more.
 */
export class WriterEpochs {
  /** The lowest number seen of each epoch. */
  private readonly firsts = new Map<number, number>();
  /** Entries and snapshots that turned out wrong. */
  private readonly refused = new Set<string>();

  note(epoch: number, number: number): void {
    this.firsts.set(epoch, Math.min(number, this.firsts.get(epoch) ?? number));
  }

  isDead(epoch: number, number: number): boolean {
    for (const [later, first] of this.firsts) if (later > epoch && first <= number) return true;
    return false;
  }

  /** @param what a snapshot's `number/epoch`, or a delta's `number:checksum` */
  refuse(what: string): void {
    this.refused.add(what);
  }

  isRefused(what: string): boolean {
    return this.refused.has(what);
  }
}
