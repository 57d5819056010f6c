import type { Skipped } from "../../checkpoints/store.js";
import type { PlainError } from "../../core/errors.js";
import type { BodyTensor } from "../../decode/tensor-cursor.js";
import type { ServingState } from "../../delta-log/state.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import type { Dims } from "../../spec/cut.js";
import type { SharedStore } from "../../tables/sharing.js";
import type { ServingPrecision } from "../../tables/table.js";
import type { Found, Question } from "../embeddings/ask.js";
import type { TableFill } from "../live/fill.js";
import type { ServedQuality } from "../live/quality.js";
import type { UnseenIds } from "../live/unseen.js";
import type { ModelVersion } from "../threads/engine.js";

/** A model that one thread holds and others read. */
export interface SharedModel {
  readonly id: number;
  readonly spec: CompiledSpec;
  readonly precision: ServingPrecision | undefined;
  readonly stores: ReadonlyMap<string, SharedStore>;
  /** The memory of its Gate, and of everything that is served except rows. */
  readonly gate: SharedArrayBuffer;
  readonly dense: SharedArrayBuffer;
  /** A SharedValue of its calibrator's state. */
  readonly calibration: SharedArrayBuffer;
}

interface Opening {
  readonly id: number;
  readonly readers: number;
  readonly precision: ServingPrecision | undefined;
}

/** A model loaded from a checkpoint. */
export interface Loaded {
  readonly model: SharedModel;
  readonly examples: number;
  readonly skipped: readonly Skipped[];
  readonly quality: ServedQuality | null;
}

/** The calls to the thread that holds models. */
export type ModelCalls = {
  /** Creates an empty model of a spec, which must have the hash `run`, for at least so many bytes of weights in f32. */
  readonly open: readonly [
    Opening & { readonly spec: unknown; readonly run: string; readonly bytes: number },
    SharedModel,
  ];
  /**
   * Loads the model of a run's newest checkpoint, or of one checkpoint; model number `before` is changed into it if the
   * spec is the same.
   */
  readonly load: readonly [
    Opening & { readonly path: string; readonly before: number | undefined; readonly dims: Dims | undefined },
    Loaded,
  ];
  /** Applies the parts of an update, which become visible together. */
  readonly apply: readonly [
    { readonly id: number; readonly states: readonly ServingState[]; readonly examples: number },
    undefined,
  ];
  readonly ask: readonly [{ readonly id: number; readonly question: Question }, Found];
  readonly fill: readonly [{ readonly id: number }, readonly TableFill[]];
  readonly close: readonly [{ readonly id: number }, undefined];
};

/** Bodies of requests, concatenated. */
export interface PackedAsks {
  readonly ids: readonly number[];
  readonly lengths: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** For bodies that are not JSON, by id. */
  readonly tensors: ReadonlyMap<number, readonly BodyTensor[]>;
}

/** The results of a run: concatenated scores, and what only some requests have, by id. */
export interface PackedOutcomes {
  readonly open: number;
  readonly model: ModelVersion | null;
  readonly ids: readonly number[];
  readonly counts: readonly number[];
  readonly scores: Float32Array<ArrayBuffer>;
  readonly calibrated: Float32Array<ArrayBuffer> | undefined;
  readonly ignored: ReadonlyMap<number, readonly string[]>;
  readonly options: ReadonlyMap<number, Uint8Array>;
  readonly errors: ReadonlyMap<number, PlainError>;
}

/** The calls to a scoring thread. */
export type ScoringCalls = {
  /** Attaches to a model, and warms it up. */
  readonly attach: readonly [{ readonly model: SharedModel; readonly reader: number }, undefined];
  readonly detach: readonly [{ readonly id: number }, undefined];
  readonly unseen: readonly [{ readonly id: number }, readonly UnseenIds[]];
  /**
   * Takes requests of a host, drops some, and runs a model as a `Lane` does, reporting results as they are finished;
   * null: there is no model.
   */
  readonly turn: readonly [
    {
      readonly host: number;
      readonly model: number | null;
      readonly asked: PackedAsks;
      readonly dropped: readonly number[];
    },
    PackedOutcomes,
    PackedOutcomes,
  ];
};
