import { instantiate } from "./wasm.js";

/** An exported number of a kernel. */
export interface KernelGlobal {
  readonly value: number;
}

/**
 * Exports of kernels/table.wasm. Addresses, counts and row numbers are signed 32-bit integers: read them with `>>> 0`.
 * Functions with a boolean result return 1 or 0. Order of calls: configureOptimizer, configureRow, configurePrecision
 * (unless f32), any workspace, openBatch, openLifecycle, openAdmission, openEviction, setBudget, shareDefault, open.
 * Dense weights use only configureOptimizer, workspace and the dense functions.
 */
export interface TableKernel {
  configureOptimizer(kind: number, h0: number, h1: number, h2: number, h3: number, h4: number): void;
  /** Rows will hold only weights, encoded by a codec (src/core/row-layout.ts), and cannot be trained. */
  setServing(codec: number): void;
  configureRow(dim: number, lanes: number): void;
  /** Trainable rows will hold their weights as a codec's codes, rounded to nearest or stochastically. */
  configurePrecision(codec: number, nearest: number, seed: bigint): number;
  setLimit(bytes: number): void;
  /**
   * Allocates workspace from an address on, in memory that another instance over the same memory has reserved for this
   * one.
   */
  useWorkspace(at: number): void;
  workspace(bytes: number): number;
  openBatch(rows: number, cells: number, singles: number, lists: number, most: number): number;
  /**
   * Sets the secret seed from which positions of keys in the index and in a batch are derived. Call before any lookup.
   */
  seedIndex(secret: bigint): void;
  open(exact: number, rows: number, stateBytes: number, seed: bigint, init: number): number;
  /**
   * Instead of `open`: uses a table that another instance over the same memory opened, and described at `at` by
   * `share`.
   */
  attach(exact: number, stateBytes: number, seed: bigint, init: number, at: number): number;
  /** Writes the table's description to `at`, for instances that read the table. */
  share(at: number): void;
  /** Reads the description at `at` again. */
  refresh(at: number): void;
  reserve(extra: number): number;

  rowOf(key: bigint): number;
  rowPtr(row: number): number;
  /** The row of a key, created if absent (exact: after `reserve`). */
  rowFor(key: bigint): number;
  /** Writes the u32 row of each of `count` u64 keys to `out`; 0xffffffff for keys that an exact table does not have. */
  rowsOf(keys: number, count: number, out: number): void;
  /**
   * `rowFor` for `count` u64 keys; every row, new or not, is reset to start at the weights f32[count × dim] at `given`.
   */
  plant(keys: number, count: number, given: number): void;
  /** Writes a serving row: f32[lanes] at `weights`. exact: after `reserve`. */
  put(key: bigint, weights: number): void;
  /** `put` of `count` u64 keys; weights f32[count × floats] at `given`. */
  putRows(keys: number, count: number, given: number, floats: number): void;
  /**
   * Replaces each of `count` u64 keys by two u32: its row (0xffffffff if not learned), and 1 if `putRows` would not
   * change it.
   */
  compareRows(keys: number, count: number, given: number, floats: number): void;
  /**
   * Starts an atomic change of rows in a serving exact table, see assembly/table/staging.ts. Call after `reserve` for
   * all of them.
   */
  beginStaging(): void;
  /**
   * Stages those of `count` u64 keys, weights f32[count × floats] at `given`, that have no row. Call for all keys
   * before `stageChanged`.
   */
  stageNew(keys: number, count: number, given: number, floats: number): void;
  /** Stages those of the same keys that have a row. */
  stageChanged(keys: number, count: number, given: number, floats: number): void;
  stageRemoved(keys: number, count: number): void;
  showStaged(): void;
  /** Moves up to `most` staged rows to their final places. Call until it returns 0; readers may read between calls. */
  settleStaged(most: number): number;
  remove(key: bigint): number;
  /** Removes an exact table's row; the last row takes its number. */
  removeRow(row: number): void;
  /**
   * Before `open` of an exact table: its rows are a subset of the `rows` rows of a hash table, and its keys are their
   * row numbers there.
   */
  numberRows(rows: number): void;
  /** Replaces `count` u64 keys by the identities under which rows are stored. */
  identify(keys: number, count: number): void;
  /** Number of index lines read to find a key, or to find that it has no row. */
  probes(key: bigint): number;
  /** Copies whole rows, given as a list of u32 numbers at `list`, to `out`. */
  packRows(list: number, count: number, out: number): void;
  /**
   * Writes keys (hash: row numbers), u64, and weights, f32[rows × floats], of learned rows from row `first` on, before
   * row `end`, at most `most`; behind the weights there must be space for three floats. Returns their number.
   */
  exportRows(first: number, end: number, most: number, keys: number, out: number, floats: number): number;
  isTouched(row: number): number;
  weightsOf(key: bigint, row: number, out: number): void;
  /** Writes the similarity of each of the rows [from, to) to `query`, f32; NaN for rows not learned. */
  similarities(query: number, from: number, to: number, cosine: number, probe: number, out: number): void;
  /** Writes all slots of a low-precision row to `out` as floats. */
  unpack(row: number, out: number): void;
  adoptRows(count: number): void;
  adoptBitmap(): void;
  /** Updates a hash table's bitmap of learned rows. Call before it, or the bitmap of changes, is read. */
  settleMarks(): void;
  indexAddress(): number;
  rowsAddress(): number;
  /** Starts marking changed rows in the bitmap at `changesAddress()`, which the host clears. */
  track(): void;
  changesAddress(): number;

  openLifecycle(): number;
  /**
   * `occurrences` 0: keys are admitted with probability `chance`, without a filter; a bucket of the filter has 128
   * bytes.
   */
  openAdmission(seed: bigint, occurrences: number, buckets: number, chance: number): number;
  /**
   * Conditions that are 0 are disabled; `policy`: 1 lru, 2 lfu; `ghosts`: number of remembered keys, a power of two.
   */
  openEviction(
    seed: bigint,
    policy: number,
    seconds: number,
    steps: number,
    norm: number,
    ghosts: number,
    ghostShift: number,
    halfLife: number,
  ): number;
  /** Sets the bytes for index and rows of an exact table, which are allocated on opening and not exceeded. */
  setBudget(bytes: number): void;
  /** Keys without a row will have the default row's weights. */
  shareDefault(): void;
  /** Sets the position in the stream; neither number may decrease. */
  setClock(examples: number, seconds: number): void;
  /** Call after the host has restored the state at `lifecycleAddress()`. */
  readClock(): void;
  lifecycleAddress(): number;
  filterAddress(): number;
  ghostsAddress(): number;
  /**
   * Starts collecting the keys of removed rows at `removedAddress()`; when that is full, they are passed to the host.
   */
  collectRemoved(): void;
  removedAddress(): number;
  removedCount(): number;
  removedRoom(): number;
  clearRemoved(): void;
  /** Keeps those of the first `count` keys there that have no row; returns how many. */
  keepAbsent(count: number): number;

  /** A list's items are combined in one cell, or placed in `width` consecutive cells. */
  setList(list: number, cell: number, combiner: number, first: number, width: number): number;
  gather(rows: number, occurrences: number, learn: number): number;
  apply(rows: number): void;
  /** For vectors from elsewhere: writes the distinct keys to `keysAt` and returns their number. */
  gatherKeys(occurrences: number): number;
  /** After `gatherKeys`: fills X from the rows that exist; other keys get no row. Changes nothing in the table. */
  gatherFound(rows: number): void;
  /** Fills X from the vectors that the host wrote to `uniqueWeightsAt`. */
  spread(rows: number): void;
  /** Sums dX for each distinct key, into `uniqueGradientsAt`. */
  collect(rows: number): void;
  /** Number of distinct keys (rows of a hash table) of the last gather, which are listed at `keysAt`. */
  distinct(): number;
  /** A learning gather of the keys of contributions, which does not fill X. */
  gatherFolded(count: number): number;
  clearGradients(): void;
  /** Adds the f32[count × dim] at `gradientAt` to the gradients of occurrences. */
  addGradients(first: number, count: number): void;
  /** `apply` without `collect`. */
  applyCollected(): void;
  gradientUsable(rows: number): number;
  /** The sum of squares of dX. */
  gradientSquares(rows: number): number;

  /** Before `open`: rows of a hash table from this one on are initialised around 1. */
  setUnitRows(from: number): void;
  /** Several rows per key, see assembly/table/composition.ts; call between openBatch and open. */
  openComposition(capacity: number, parts: number, combine: number, scheme: number, range: bigint): number;
  setPartition(part: number, seed: bigint, first: number, rows: number): void;
  expand(count: number): void;
  reduce(count: number): void;
  scatter(count: number): void;

  beginStep(): void;
  restoreRoundings(count: bigint): void;
  /** What counting steps adds to the state of an optimizer that does: Adam's powers of beta. */
  stepState1(): number;
  stepState2(): number;
  restoreSteps(state1: number, state2: number): void;
  denseInitialise(w: number, a: number, b: number, rows: number, columns: number): void;
  denseStep(w: number, a: number, b: number, g: number, rows: number, columns: number, scale: number): void;
  denseUsable(g: number, count: number): number;
  denseAdd(to: number, from: number, count: number): void;
  denseSquares(g: number, count: number): number;
  widen(at: number, count: number): void;

  /** Address after the workspace allocated so far. */
  readonly workspaceEnd: KernelGlobal;
  readonly rowCount: KernelGlobal;
  /** The row behind the last one that `exportRows` has read. */
  readonly nextExported: KernelGlobal;
  readonly rowCapacity: KernelGlobal;
  /** exact: rows for which there is room, and a place in the index. */
  readonly room: KernelGlobal;
  readonly keysAt: KernelGlobal;
  readonly coefficientsAt: KernelGlobal;
  readonly outputAt: KernelGlobal;
  readonly gradientAt: KernelGlobal;
  readonly uniqueWeightsAt: KernelGlobal;
  readonly uniqueGradientsAt: KernelGlobal;
  readonly sourceKeysAt: KernelGlobal;
  readonly vectorsAt: KernelGlobal;
  readonly vectorGradientsAt: KernelGlobal;
  readonly importanceAt: KernelGlobal;
  readonly importanceGradientsAt: KernelGlobal;
  /** Number of rows rounded stochastically so far. */
  readonly roundings: { readonly value: bigint };
}

/**
 * Functions of the wide part's table kernel that are called by a model that learns event by event:
 * src/kernels/assembly/table/linear.ts.
 */
export interface WideKernel {
  beginLinear(rows: number, learning: number): number;
  readLinear(row: number, learning: number): number;
  learnLinear(gradient: number): number;
}

const none: WideKernel = { beginLinear: () => 0, readLinear: () => Number.NaN, learnLinear: () => 0 };

/**
 * A new table kernel with its own memory.
 * @param takeRemoved takes the keys at `removedAddress()` when there is no room for more
 * @param wide exports of the wide part's table kernel, called directly from kernel to kernel
 * @param memory a memory shared by threads, instead of its own
 */
export function tableKernel(
  takeRemoved: (count: number) => void = () => {},
  wide: WideKernel = none,
  memory?: WebAssembly.Memory,
): { memory: WebAssembly.Memory; kernel: TableKernel } {
  const host = {
    beginWide: wide.beginLinear,
    readWide: wide.readLinear,
    learnWide: wide.learnLinear,
    takeRemoved: (count: number) => {
      takeRemoved(count >>> 0);
      return 0;
    },
  };
  return instantiate<TableKernel>("table", host, memory);
}
