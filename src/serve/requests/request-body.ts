import type { ScoringModel } from "../scoring-model.js";

/** A request's candidates, to be read from its bytes into rows. */
export interface RequestBody {
  /** All candidates were read. */
  readonly ended: boolean;
  /** Bytes not read yet. */
  readonly rest: number;
  /**
   * Reads candidates as rows `row` to `most` (exclusive).
   * @returns the number of candidates read
   * @throws HashbrookError request_invalid
   */
  read(scoring: ScoringModel, row: number, most: number): number;
  /** Goes back to the first candidate. */
  begin(): void;
  /** Paths of members that no field reads. */
  ignored(scoring: ScoringModel): readonly string[];
  /** The bytes of the body's options object, if it has one. */
  readonly options: Uint8Array | undefined;
}
