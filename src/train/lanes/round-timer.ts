import { systemClock } from "../../core/clock.js";

/** What a process sees of a round. */
interface Signs {
  /** There are events for it, or records of it. */
  readonly begins: boolean;
  /** A record has fewer events than fit: its lane has waited long enough. */
  readonly closes: boolean;
}

/** Measures how long a process has waited for a round's events. */
export class RoundTimer {
  private readonly lingerMs: number | null;
  private begun: number | null = null;

  /** @param lingerMs null: the topic has an end, so every round begins at once, and slow lanes are awaited */
  constructor(lingerMs: number | null) {
    this.lingerMs = lingerMs;
  }

  /**
   * @returns null if the round has not begun; else the ms since then, and whether lanes contribute what they have
   */
  look({ begins, closes }: Signs): { waited: number; due: boolean } | null {
    const now = systemClock.now();
    if (begins || this.lingerMs === null) this.begun ??= now;
    if (this.begun === null) return null;
    const waited = now - this.begun;
    return { waited, due: this.lingerMs !== null && (closes || waited >= this.lingerMs) };
  }
}
