import type { Checkpoint } from "../checkpoints/checkpoint.js";
import { blocksOf } from "../checkpoints/lazy-blocks.js";
import type { ParentRef } from "../checkpoints/manifest.js";
import type { CheckpointStore, Skipped } from "../checkpoints/store.js";
import { HashbrookError } from "../core/errors.js";
import type { PublisherState } from "../delta-log/publisher.js";
import type { GateState } from "../gate/gate.js";
import { checkFits } from "../model/load.js";
import { specHash } from "../spec/hash.js";
import { DEDUP } from "./dedup.js";
import type { Pass } from "./files/pass.js";
import type { FirstStepsState } from "./first-steps.js";
import type { Job, StreamPosition } from "./job.js";
import type { RunMetricsState } from "./metrics/run-metrics-state.js";
import { type Decision, OrderLog } from "./ordering/order-log.js";
import type { StartedFrom } from "./start-model.js";
import type { ValidationState } from "./validation/validation.js";
import type { StreamStart } from "./workers/thread-messages.js";

/** The metadata in a checkpoint's manifest, in addition to the spec. */
export interface TrainMeta {
  /** null before anything was read. */
  readonly position: StreamPosition | null;
  readonly sources: readonly string[];
  readonly rejected_bytes: number;
  /** Length of the file of unused clicks; absent if they are not kept. */
  readonly late_bytes?: number;
  readonly publisher?: PublisherState;
  /** Present if the spec has a gate. */
  readonly gate?: GateState;
  readonly tally: RunMetricsState;
  /** Absent if the run began before warm-up steps existed. */
  readonly first_steps?: FirstStepsState;
  /** For files: how the list is learned. */
  readonly pass?: Pass;
  /** Files of earlier lists (see `LearnedFile`), if there are any. */
  readonly learned?: readonly string[];
  /** The model whose weights the run started from. */
  readonly started?: StartedFrom;
  /** The parts that do not learn, if any. */
  readonly freeze?: readonly string[];
  /** Present once validation events were scored. */
  readonly validation?: ValidationState;
}

/** Whether an entry of the order log concerns what comes after a checkpoint. */
export function isAhead(entry: Decision, meta: TrainMeta | undefined): boolean {
  if (!meta) return true;
  if (entry.kind === "resume") return entry.hold > (meta.gate?.lifted ?? 0);
  // A checkpoint without a publisher: the entries are from a time when changes were published, which now starts again.
  if (entry.kind === "publish") return meta.publisher !== undefined && entry.number > meta.publisher.number;
  const { position } = meta;
  return !position || !("messages" in position) || entry.at >= position.messages;
}

export type Resumed = {
  readonly meta: TrainMeta;
  readonly blocks: ReturnType<typeof blocksOf>;
  readonly ref: ParentRef;
} | null;

/** What is known of a run before its model is loaded. */
export interface Beginning {
  readonly store: CheckpointStore;
  /** null: a new run. */
  readonly resumed: Resumed;
  /** Newer checkpoints that cannot be used, such as one copied in part; also if there is no other one. */
  readonly passedOver: readonly Skipped[];
  /** The order log for a topic's replay; null: files, and nothing is published. */
  readonly order: OrderLog | null;
  readonly start: StreamStart;
}

/**
 * Where the job's run begins: after the newest checkpoint. All checkpoints were verified, so no other one can take its
 * place.
 * @throws as `resume`; checkpoint_write
 */
export function begin(job: Job, store: CheckpointStore): Beginning {
  const { checkpoint, skipped: passedOver } = store.latest();
  const resumed = checkpoint ? resume(job, checkpoint) : null;
  const { meta } = resumed ?? {};
  const options = { fresh: !job.resume, wanted: (entry: Decision) => isAhead(entry, meta) };
  const order = job.topic || job.publish || job.spec.gate ? new OrderLog(store.directory, options, store.fenced) : null;
  const examples = meta?.tally.examples ?? 0;
  const start = {
    position: meta?.position ?? null,
    replay: order?.entries.filter((entry) => entry.kind !== "publish" && entry.kind !== "resume") ?? [],
    limit: (job.limit ?? Number.POSITIVE_INFINITY) - examples,
    fingerprints: meta?.sources ?? [],
    capacity: job.spec.batch,
    pass: meta?.pass ?? null,
    learned: meta?.learned ?? [],
    examples,
    rejected: Object.values(meta?.tally.rejected_by_code ?? {}).reduce((sum, count) => sum + count, 0),
    validated: meta?.validation?.epochs ?? 0,
    join: meta?.tally.join ?? null,
    ...(job.topic && job.spec.join?.correct && { ids: resumed?.blocks.get(DEDUP)?.data.slice() }),
    ...(meta?.tally.schemas && { schemas: meta.tally.schemas }),
  };
  return { store, resumed, passedOver, order, start };
}

/**
 * What the job continues from: the newest intact checkpoint of its directory.
 * @throws output_exists when the job does not resume; checkpoint_mismatch; memory_short
 */
function resume(job: Job, checkpoint: Checkpoint): Resumed {
  if (!job.resume) {
    throw new HashbrookError("output_exists", `${job.out}: already holds a model (${checkpoint.examples} examples)`, {
      hint: "continue with --resume, or train into another --out directory",
    });
  }
  const hash = specHash(job.spec);
  if (checkpoint.specHash !== hash) {
    throw new HashbrookError(
      "checkpoint_mismatch",
      `${checkpoint.path}: was trained with spec ${checkpoint.specHash}, this spec is ${hash}`,
      {
        hint: "resume with the spec it was trained with (hashbrook inspect prints it), or train into another --out directory",
      },
    );
  }
  checkFits(checkpoint);
  const ref = { examples: checkpoint.examples, checksum: checkpoint.chain[0].checksum };
  return { meta: checkpoint.meta as unknown as TrainMeta, blocks: blocksOf(checkpoint), ref };
}
