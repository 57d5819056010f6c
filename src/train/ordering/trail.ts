import type { Lead, MergeDecision } from "./merge.js";

const FIRST_ROOM = 1 << 10;

/** The turns of a merge, kept for readers that repeat them later: 12 bytes per turn. */
export class Trail {
  /** Messages covered so far. */
  messages: number;
  /**
   * For each turn, the number of messages before it, and its partition; or -1 - the number of partitions that take
   * turns from there on.
   */
  private at = new Float64Array(FIRST_ROOM);
  private turn = new Int32Array(FIRST_ROOM);
  private count = 0;
  /** Turns that were dropped. */
  private gone = 0;

  /**
   * @param decisions earlier ones that will be repeated, and possibly later ones
   * @param messages covered so far
   */
  constructor(decisions: readonly MergeDecision[], messages: number) {
    this.messages = messages;
    this.add([...decisions].sort((a, b) => a.at - b.at));
  }

  /** Closes are left out: they do not matter to readers that make other batches of the same messages. */
  add(decisions: readonly MergeDecision[]): void {
    for (const decision of decisions) {
      if (decision.kind === "turn") this.note(decision.at, decision.partition);
      if (decision.kind === "partitions") this.note(decision.at, -1 - decision.count);
    }
  }

  /** Drops turns before a number of messages, which will not be repeated. */
  forget(messages: number): void {
    const old = this.indexOf(messages);
    if (old < this.count / 2) return;
    this.at.copyWithin(0, old, this.count);
    this.turn.copyWithin(0, old, this.count);
    this.count -= old;
    this.gone += old;
  }

  /** The turns after a number of messages. They end, for now, where this trail ends. */
  from(messages: number): Lead {
    const trail = this;
    let place = this.gone + this.indexOf(messages);
    return {
      get next(): MergeDecision {
        const next = trail.decision(place - trail.gone);
        return next && next.at < trail.messages ? next : { kind: "close", at: trail.messages };
      },
      shift() {
        const next = trail.decision(place - trail.gone);
        if (next && next.at < trail.messages) place++;
      },
    };
  }

  private note(at: number, turn: number): void {
    if (this.count === this.at.length) this.grow();
    this.at[this.count] = at;
    this.turn[this.count] = turn;
    this.count++;
  }

  private grow(): void {
    const at = new Float64Array(2 * this.count);
    const turn = new Int32Array(2 * this.count);
    at.set(this.at);
    turn.set(this.turn);
    Object.assign(this, { at, turn });
  }

  private decision(i: number): MergeDecision | undefined {
    if (i >= this.count) return undefined;
    const at = this.at[i];
    const turn = this.turn[i];
    return turn < 0 ? { kind: "partitions", at, count: -1 - turn } : { kind: "turn", at, partition: turn };
  }

  /** Index of the first turn after a number of messages. */
  private indexOf(messages: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at[middle] < messages) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
