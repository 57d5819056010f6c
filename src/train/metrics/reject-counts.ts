import { HashbrookError } from "../../core/errors.js";
import { type RejectedRow, rejectText } from "../rejects/rejects.js";

/** The rejected rows of a directory, by code. */
export class RejectCounts {
  private readonly counts = new Map<string, number>();

  get total(): number {
    let sum = 0;
    for (const count of this.counts.values()) sum += count;
    return sum;
  }

  /** In the codes' alphabetical order. */
  get byCode(): Record<string, number> {
    return Object.fromEntries([...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /**
   * Counts a batch's rows.
   * @returns the first one beyond a limit
   */
  add(rejects: readonly RejectedRow[], most: number | null): RejectedRow | undefined {
    const before = this.total;
    for (const { code } of rejects) this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
    return most === null ? undefined : rejects[Math.max(0, most - before)];
  }

  restore(byCode: Readonly<Record<string, number>>): void {
    for (const [code, count] of Object.entries(byCode)) this.counts.set(code, count);
  }
}

/** The error too_many_rejects. @param row the first beyond the limit */
export function tooManyRejects(row: RejectedRow, rejected: number, maxRejects: number): HashbrookError {
  return new HashbrookError(
    "too_many_rejects",
    `${rejectText(row)}; ${rejected} rows were rejected, --max-rejects is ${maxRejects}`,
    { hint: "fix the data or the spec, or allow more with --max-rejects" },
  );
}
