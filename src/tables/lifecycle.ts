import { type Block, type SavedBlocks, savedBlock } from "../core/blocks.js";
import { constantOf, structOf, structsIn } from "../kernels/layouts.js";
import type { TableKernel } from "../kernels/table.js";
import type { StoreSpec } from "../spec/compiled.js";
import type { StreamTime } from "./encoding.js";

/** Counters of a table's ids and rows since it was created. */
export interface LifecycleCounts {
  /** New ids that were admitted and got a row. */
  readonly admitted: number;
  /** Occurrences of ids without a row, for which the default row was used. */
  readonly refused: number;
  /** Ids admitted before their occurrences reached the threshold, because of collisions in the filter: an estimate. */
  readonly falsely_admitted: number;
  /** Rows removed, by reason. */
  readonly evicted: {
    /** Not learned for this long, in event time. */
    readonly expire_time: number;
    /** Not learned for this many examples. */
    readonly steps_to_live: number;
    /** Their weights were too small. */
    readonly l2_weight_threshold: number;
    /** Their weights were all 0, because of the group lasso. */
    readonly all_zero: number;
    /** To make room, by lru or lfu. */
    readonly capacity: number;
  };
  /**
   * Rows created for ids whose row was removed earlier: an estimate from a sample of removed ids, rather too low than
   * too high.
   */
  readonly readmitted: number;
}

/** Size of the memory of removed keys: one for every 1 KiB of the budget, within these limits. */
const GHOSTS = { least: 16, most: 16384, perBytes: 1024 };
/** lfu: a row's frequency is halved after this many examples per row of capacity. */
const HALF_LIFE = 8;
/** Spans of more seconds or examples than this never end. */
const FOREVER = 2 ** 32 - 1;

/** The summed counts of several stores; null if none has any. */
export function countsOf(stores: Iterable<{ readonly lifecycle: Lifecycle | null }>): LifecycleCounts | null {
  let sum: LifecycleCounts | null = null;
  for (const { lifecycle } of stores) {
    const counts = lifecycle?.counts();
    if (counts) sum = sum ? sumOf(sum, counts) : counts;
  }
  return sum;
}

function sumOf(a: LifecycleCounts, b: LifecycleCounts): LifecycleCounts {
  return {
    admitted: a.admitted + b.admitted,
    refused: a.refused + b.refused,
    falsely_admitted: a.falsely_admitted + b.falsely_admitted,
    evicted: {
      expire_time: a.evicted.expire_time + b.evicted.expire_time,
      steps_to_live: a.evicted.steps_to_live + b.evicted.steps_to_live,
      l2_weight_threshold: a.evicted.l2_weight_threshold + b.evicted.l2_weight_threshold,
      all_zero: a.evicted.all_zero + b.evicted.all_zero,
      capacity: a.evicted.capacity + b.evicted.capacity,
    },
    readmitted: a.readmitted + b.readmitted,
  };
}

/** A kernel instance before its rows are opened. */
interface Opening {
  readonly kernel: TableKernel;
  readonly memory: WebAssembly.Memory;
}

/**
 * Sets up a store's kernel for its budget, admission and eviction, before the rows are opened.
 * @param options.stride bytes of a row
 * @param options.serving for a replica, which only knows that ids share the default row
 * @returns null if every id has a row forever, and for a replica
 */
export function openLifecycle(
  spec: StoreSpec,
  opening: Opening,
  options: { readonly stride: number; readonly memoryLimit?: number; readonly serving?: boolean },
): Lifecycle | null {
  const { kernel } = opening;
  const { admission, eviction } = spec;
  kernel.openLifecycle();
  if (admission) kernel.shareDefault();
  if (options.serving) return null;
  const memory = options.memoryLimit ?? 2 ** 32;
  // With a policy the table must be full at the same row in every run, so all the memory is its budget.
  const budget = spec.budget ?? (eviction?.policy ? memory : 0);
  const lifecycle = admission || eviction ? new Lifecycle(spec, opening, budget || memory, options.stride) : null;
  if (budget > 0) kernel.setBudget(Math.max(1, budget - (lifecycle?.bytes ?? 0)));
  return lifecycle;
}

/**
 * Admission and eviction of an exact store: sets up the kernel, sets its position in the stream, saves its state. The
 * kernel's files admission.ts and eviction.ts describe how they work.
 */
export class Lifecycle {
  private readonly kernel: TableKernel;
  private readonly memory: WebAssembly.Memory;
  private readonly prefix: string;
  /** Size of the kernel's numbers. */
  private readonly stateBytes = structOf("table", "Life").size;
  private readonly filterBytes: number;
  private readonly ghostBytes: number;

  /**
   * Allocates the kernel's workspace.
   * @param budget bytes the store may take
   * @param stride bytes of a row
   */
  constructor(spec: StoreSpec, { kernel, memory }: Opening, budget: number, stride: number) {
    this.kernel = kernel;
    this.memory = memory;
    this.prefix = `table/${spec.name}`;
    const { admission, eviction } = spec;
    const seed = BigInt(`0x${spec.seed}`);
    const threshold = admission?.occurrence_threshold ?? 0;
    const buckets =
      threshold > 0 ? Math.ceil((admission?.filter_capacity ?? 0) / (2 * constantOf("table", "LINE_CELLS"))) || 1 : 0;
    this.filterBytes = buckets * constantOf("table", "BUCKET");
    if (admission) kernel.openAdmission(seed, threshold, buckets, admission.admit_probability ?? 1);
    const ghosts = eviction ? ghostsFor(budget) : 0;
    this.ghostBytes = ghosts * 4;
    if (!eviction) return;
    const rows = budget / stride;
    kernel.openEviction(
      seed,
      eviction.policy ? constantOf("table", eviction.policy.toUpperCase()) : 0,
      Math.min(Math.ceil(eviction.expire_time ?? 0), FOREVER),
      Math.min(eviction.steps_to_live ?? 0, FOREVER),
      eviction.l2_weight_threshold ?? 0,
      ghosts,
      Math.max(0, Math.ceil(Math.log2(rows / ghosts))),
      Math.min(31, Math.ceil(Math.log2(HALF_LIFE * rows))),
    );
  }

  /** Bytes in addition to index and rows. */
  get bytes(): number {
    return this.stateBytes + this.filterBytes + this.ghostBytes;
  }

  /** Sets the position in the stream, before a batch is learned. */
  setClock({ examples, time }: StreamTime): void {
    this.kernel.setClock(examples, Math.floor(time / 1000));
  }

  counts(): LifecycleCounts {
    const state = new Uint8Array(this.memory.buffer, this.kernel.lifecycleAddress() >>> 0);
    const [life] = structsIn("table", "Life", state, 1);
    return {
      admitted: Number(life.admitted),
      refused: Number(life.refused),
      falsely_admitted: Number(life.falselyAdmitted),
      evicted: {
        expire_time: Number(life.expired),
        steps_to_live: Number(life.idle),
        l2_weight_threshold: Number(life.small),
        all_zero: Number(life.empty),
        capacity: Number(life.displaced),
      },
      readmitted: Number(life.readmitted),
    };
  }

  blocks(): Block[] {
    return this.regions().map(({ part, bytes, at }) => ({
      name: `${this.prefix}/${part}`,
      dtype: "U8",
      shape: [bytes],
      data: new Uint8Array(this.memory.buffer, at, bytes),
    }));
  }

  /**
   * Checks that its blocks are there, with their sizes; the function it returns restores them.
   * @throws HashbrookError checkpoint_damaged, and nothing has changed
   */
  restoring(saved: SavedBlocks): () => void {
    const blocks = this.blocks().map(({ name, data }) => savedBlock(saved, name, { bytes: data.byteLength }));
    return () => {
      this.blocks().forEach(({ data }, i) => {
        blocks[i].copyTo(data);
      });
      this.kernel.readClock();
    };
  }

  private regions(): { part: string; bytes: number; at: number }[] {
    const { kernel, filterBytes, ghostBytes } = this;
    return [
      { part: "lifecycle", bytes: this.stateBytes, at: kernel.lifecycleAddress() >>> 0 },
      { part: "filter", bytes: filterBytes, at: kernel.filterAddress() >>> 0 },
      { part: "evicted", bytes: ghostBytes, at: kernel.ghostsAddress() >>> 0 },
    ].filter(({ bytes }) => bytes > 0);
  }
}

/** Rounded to a power of two. */
function ghostsFor(budget: number): number {
  const wanted = Math.min(GHOSTS.most, Math.max(GHOSTS.least, budget / GHOSTS.perBytes));
  return 2 ** Math.floor(Math.log2(wanted));
}
