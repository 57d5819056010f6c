/**
 * What happened to a part of a model that starts from another one. `taken`: unchanged. `resized`: taken as far as it existed,
 * the rest fresh. `fresh`: there was nothing to take. `refused`: the part of that name means something else. `dropped`: it is
 * not in the new spec.
 */
export type StartOutcome = "taken" | "resized" | "fresh" | "refused" | "dropped";

/** What happened to one part. */
export interface StartedPart {
  /** A table, a dense weight of the tower, or another part of the state: the statistics of numbers, the calibration. */
  readonly part: "table" | "tower" | "numbers" | "calibration";
  /** As in the spec, or the weight's name. */
  readonly name: string;
  /** What became of it. */
  readonly outcome: StartOutcome;
  /** For a table: rows taken. For a weight: numbers taken. */
  readonly taken: number;
  /** Why, and the consequence for the optimizer state; null if everything is unchanged. */
  readonly reason: string | null;
}

/** How a model started from another one. */
export interface StartReport {
  /** The checkpoint; null: only pretrained vectors were given. */
  readonly from: string | null;
  /** Examples it had learned. */
  readonly examples: number;
  /** Tables, the tower's weights, and the rest, of both models. */
  readonly parts: readonly StartedPart[];
  /** The frozen parts: `tower`, `tables.<name>`. */
  readonly frozen: readonly string[];
}
