import { isOwn, type LaneShare } from "./options.js";
import type { LaneRecord } from "./record.js";

const TAKEOVER_MS = 3_000;

/** Lanes for a process to work now. */
export interface LanesToWork {
  readonly own: readonly number[];
  /** Lanes of other processes, which have sent nothing for too long. */
  readonly others: readonly number[];
}

/**
 * Selects the lanes that a process works: its own, and those of processes that have sent nothing for too long. It keeps
 * working the latter, without waiting again in every round, until a record of another process counts.
 */
export class Takeover {
  private readonly share: LaneShare;
  private readonly afterMs: number;
  private kept: ReadonlySet<number> = new Set();

  /** @param afterMs time in ms from the start of a round, as `takeoverAfter` */
  constructor(share: LaneShare, afterMs: number) {
    this.share = share;
    this.afterMs = afterMs;
  }

  /** @param lacking lanes without a record. @param waited time since the start of the round, in ms */
  of(lacking: readonly number[], waited: number): LanesToWork {
    const isDue = (lane: number) => this.kept.has(lane) || waited >= this.afterMs;
    return {
      own: lacking.filter((lane) => isOwn(this.share, lane)),
      others: lacking.filter((lane) => !isOwn(this.share, lane) && isDue(lane)),
    };
  }

  /** These records counted for a round. */
  folded(records: readonly Pick<LaneRecord, "lane" | "by">[]): void {
    const here = records.filter(({ by }) => by === this.share.number).map(({ lane }) => lane);
    this.kept = new Set(here.filter((lane) => !isOwn(this.share, lane)));
  }
}

/**
 * Time in ms from the start of a round until a process works lanes of others. It includes the linger, during which
 * lanes may be silent, and depends on the process's number, so that not all take over at once.
 */
export function takeoverAfter({ number, of }: LaneShare, takeoverMs = TAKEOVER_MS, lingerMs = 0): number {
  return lingerMs + takeoverMs * (1 + number / of);
}
