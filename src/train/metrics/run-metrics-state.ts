import type { KnownSchemas } from "../../schema-registry/topic-schemas.js";
import type { JoinState } from "../join/join-counts.js";

/** Counters of a run that a checkpoint stores: plain JSON. */
export interface RunMetricsState {
  readonly examples: number;
  readonly skipped: number;
  readonly rejected_by_code: Record<string, number>;
  readonly duplicates?: number;
  readonly left_out?: number;
  /** Present if a topic had some. */
  readonly tombstones?: number;
  /** Present if labels come from clicks. */
  readonly join?: JoinState;
  /** Schemas that events have named, by id. */
  readonly schemas?: KnownSchemas;
}
