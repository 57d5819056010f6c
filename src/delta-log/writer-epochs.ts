/**
 * Decides which entries count if several writers wrote one log. A writer that restarts from a checkpoint has a higher
 * epoch and diverges from some number on: entries of earlier writers from there on no longer count.
 */
export class WriterEpochs {
  /** The lowest number seen for each epoch. */
  private readonly firsts = new Map<number, number>();
  /** Entries and snapshots that turned out invalid. */
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
