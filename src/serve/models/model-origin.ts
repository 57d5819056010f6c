import type { Skipped } from "../../checkpoints/store.js";
import type { ReplicaStatus } from "../../delta-log/replica.js";
import type { ServedQuality } from "../live/quality.js";
import type { Current } from "../threads/host.js";
import type { RunWatch } from "./watch.js";

/** Where a scorer's model comes from: a checkpoint, or a delta log that it follows. */
export interface ModelOrigin {
  /** The model that answers; null before there is one. */
  readonly current: Current | null;
  /** Maximum age of its newest entry, in seconds; Infinity: no limit. */
  readonly maxStaleness: number;
  /** Status of the delta log it follows; null for a checkpoint. */
  readonly replica: ReplicaStatus | null;
  /** Damaged checkpoints that were skipped. */
  readonly passedOver: readonly Skipped[];
  /** Why later changes are withheld, in one line; null: they are not. */
  readonly held: string | null;
  /** Progressive quality of the checkpoint's model during training; null for a delta log, and if the checkpoint does not say. */
  readonly quality: ServedQuality | null;
  /** The watched run; null: nothing is watched. */
  readonly watch: RunWatch | null;
  /** Releases the model, when no request needs it any more. */
  close(): Promise<void>;
}
