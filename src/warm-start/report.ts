/**
 * What became of a part of a model that starts from another one. `taken`: as it was there. `resized`: as far as it was there, the rest
 * fresh. `fresh`: there is nothing to take. `refused`: there is something of that name, which means something else. `dropped`: it is not in the new spec.
 */
export type StartOutcome = "taken" | "resized" | "fresh" | "refused" | "dropped";

/** What became of one part. */
export interface StartedPart {
  /** A table, a dense weight of the tower, or another part of the state: the statistics of numbers, the calibration. */
  readonly part: "table" | "tower" | "numbers" | "calibration";
  /** As the spec names it, or the weight's name. */
  readonly name: string;
  /** What became of it. */
  readonly outcome: StartOutcome;
  /** Of a table: rows that were taken. Of a weight: its numbers that were. */
  readonly taken: number;
  /** Why, and what it means for the optimizer's state; null where all is as it was. */
  readonly reason: string | null;
}

/** How a model started from another one. */
export interface StartReport {
  /** The checkpoint; null: nothing but vectors of tables were given. */
  readonly from: string | null;
  /** Examples it had learned. */
  readonly examples: number;
  /** Tables, the tower's weights, and the rest, of both models. */
  readonly parts: readonly StartedPart[];
  /** What does not learn: `tower`, `tables.<name>`. */
  readonly frozen: readonly string[];
}
