import { instantiate } from "./wasm.js";

/** An exported number of a kernel. */
export interface KernelGlobal {
  readonly value: number;
}

/**
 * What kernels/table.wasm exports. Addresses, counts and row numbers come back as signed 32-bit integers: read them with
 * `>>> 0`. Functions that answer yes or no return 1 or 0. The order of calls: configureOptimizer, configureRow,
 * configurePrecision where it is not f32, any workspace, openBatch, openLifecycle, openAdmission, openEviction, setBudget,
 * shareDefault, open; dense weights use only configureOptimizer, workspace and the dense functions.
 */
export interface TableKernel {
  configureOptimizer(kind: number, h0: number, h1: number, h2: number, h3: number, h4: number): void;
  /** Rows will hold weights alone, as a codec's (src/core/row-layout.ts), and cannot learn. */
  setServing(codec: number): void;
  configureRow(dim: number, lanes: number): void;
  /** Rows that learn will hold their weights as a codec's codes, rounded to the nearest or by chance. */
  configurePrecision(codec: number, nearest: number, seed: bigint): number;
  setLimit(bytes: number): void;
  /** Workspace is taken from an address on that another instance has set aside in the memory both share. */
  useWorkspace(at: number): void;
  workspace(bytes: number): number;
  openBatch(rows: number, cells: number, singles: number, lists: number, most: number): number;
  /** Before anything is looked up: what the places of keys in the index and in a batch follow from. */
  seedIndex(secret: bigint): void;
  open(exact: number, rows: number, stateBytes: number, seed: bigint, init: number): number;
  /** In place of `open`: takes up a table that another instance over the same memory has opened, and told of at `at`. */
  attach(exact: number, stateBytes: number, seed: bigint, init: number, at: number): number;
  /** Tells of the table at `at`, for instances that read it. */
  share(at: number): void;
  /** Reads what was told. */
  refresh(at: number): void;
  reserve(extra: number): number;

  rowOf(key: bigint): number;
  rowPtr(row: number): number;
  /** The row of a key, made if need be (exact: after `reserve`). */
  rowFor(key: bigint): number;
  /** Writes the u32 row of each of `count` u64 keys to `out`; 0xffffffff where an exact table has none. */
  rowsOf(keys: number, count: number, out: number): void;
  /** `rowFor` `count` u64 keys; the rows start at the weights f32[count × dim] at `given`. */
  plant(keys: number, count: number, given: number): void;
  /** Writes a serving row: f32[lanes] at `weights`. exact: after `reserve`. */
  put(key: bigint, weights: number): void;
  /** `put` of `count` u64 keys; weights f32[count × floats] at `given`. */
  putRows(keys: number, count: number, given: number, floats: number): void;
  /** In place of each of `count` u64 keys: its row (u32, 0xffffffff where nothing was learned), and 1 where `putRows` would not change it. */
  compareRows(keys: number, count: number, given: number, floats: number): void;
  /** Rows of a serving exact table that change all at once, see assembly/table/staging.ts. After `reserve` for all of them. */
  beginStaging(): void;
  /** Of `count` u64 keys, weights f32[count × floats] at `given`, takes those that are new. All before the others. */
  stageNew(keys: number, count: number, given: number, floats: number): void;
  /** The same keys again: takes those that are not new. */
  stageChanged(keys: number, count: number, given: number, floats: number): void;
  stageRemoved(keys: number, count: number): void;
  showStaged(): void;
  /** Until it returns 0; readers may read in between. */
  settleStaged(most: number): number;
  remove(key: bigint): number;
  /** Gives up an exact table's row; the last one takes its number. */
  removeRow(row: number): void;
  /** Before `open` of an exact table: its rows are some of a hash table's `rows`, and their keys are the numbers these have there. */
  numberRows(rows: number): void;
  /** Puts what rows are found by in the place of `count` u64 keys. */
  identify(keys: number, count: number): void;
  /** Lines of the index that are read to find a key, or to see that it has no row. */
  probes(key: bigint): number;
  /** Copies whole rows, whose u32 numbers lie at `list`, to `out`. */
  packRows(list: number, count: number, out: number): void;
  isTouched(row: number): number;
  weightsOf(key: bigint, row: number, out: number): void;
  /** Writes how near the rows [from, to) are to `query`, f32 each; NaN where nothing was learned. */
  similarities(query: number, from: number, to: number, cosine: number, probe: number, out: number): void;
  /** Writes the floats of a low precision row's slots to `out`. */
  unpack(row: number, out: number): void;
  adoptRows(count: number): void;
  adoptBitmap(): void;
  /** Brings a hash table's bitmap of learned rows up to date: before it, or the bitmap of changes, is read. */
  settleMarks(): void;
  indexAddress(): number;
  rowsAddress(): number;
  /** From now on changed rows are noted in the bitmap at `changesAddress()`, which the host clears. */
  track(): void;
  changesAddress(): number;

  openLifecycle(): number;
  /** `occurrences` 0: keys are admitted by `chance`, without a filter; a bucket of the filter has 128 bytes. */
  openAdmission(seed: bigint, occurrences: number, buckets: number, chance: number): number;
  /** Conditions that are 0 do not count; `policy` 1 lru, 2 lfu; `ghosts`: a power of two of remembered keys. */
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
  /** Bytes of index and rows that an exact table takes when it opens, and keeps to. */
  setBudget(bytes: number): void;
  /** Keys without a row have the default row's weights. */
  shareDefault(): void;
  /** Where the stream is: neither number ever goes back. */
  setClock(examples: number, seconds: number): void;
  /** After the host has written the state at `lifecycleAddress()`. */
  readClock(): void;
  lifecycleAddress(): number;
  filterAddress(): number;
  ghostsAddress(): number;
  /** From now on keys of rows that are given up wait at `removedAddress()`; full, they are handed to the host. */
  collectRemoved(): void;
  removedAddress(): number;
  removedCount(): number;
  removedRoom(): number;
  clearRemoved(): void;
  /** Of the first `count` keys there, keeps those without a row; returns how many. */
  keepAbsent(count: number): number;

  /** A list's items are combined in one cell, or lie in `width` cells side by side. */
  setList(list: number, cell: number, combiner: number, first: number, width: number): number;
  gather(rows: number, occurrences: number, learn: number): number;
  apply(rows: number): void;
  /** Where vectors come from elsewhere: leaves the distinct keys at `keysAt` and returns their number. */
  gatherKeys(occurrences: number): number;
  /** After `gatherKeys`: X of keys whose rows are there, or nowhere. Changes nothing. */
  gatherFound(rows: number): void;
  /** X from the vectors the host wrote to `uniqueWeightsAt`. */
  spread(rows: number): void;
  /** dX summed for each distinct key, to `uniqueGradientsAt`. */
  collect(rows: number): void;
  /** Distinct keys (rows of a hash table) of the last gather, which lie at `keysAt`. */
  distinct(): number;
  /** A learning gather of keys that contributions name, without X. */
  gatherFolded(count: number): number;
  clearGradients(): void;
  /** Adds the f32[count × dim] at `gradientAt` to the gradients of occurrences. */
  addGradients(first: number, count: number): void;
  /** `apply` without `collect`. */
  applyCollected(): void;
  gradientUsable(rows: number): number;
  /** The sum of dX's squares. */
  gradientSquares(rows: number): number;

  /** Before `open`: rows of a hash table from this one on start around 1. */
  setUnitRows(from: number): void;
  /** Several rows a key, see assembly/table/composition.ts; between openBatch and open. */
  openComposition(capacity: number, parts: number, combine: number, scheme: number, range: bigint): number;
  setPartition(part: number, seed: bigint, first: number, rows: number): void;
  expand(count: number): void;
  reduce(count: number): void;
  scatter(count: number): void;

  beginStep(): void;
  restoreRoundings(count: bigint): void;
  adamRestore(power1: number, power2: number): void;
  denseInitialise(w: number, a: number, b: number, rows: number, columns: number): void;
  denseStep(w: number, a: number, b: number, g: number, rows: number, columns: number, scale: number): void;
  denseUsable(g: number, count: number): number;
  denseAdd(to: number, from: number, count: number): void;
  denseSquares(g: number, count: number): number;
  widen(at: number, count: number): void;

  /** The first byte behind the workspace taken so far. */
  readonly workspaceEnd: KernelGlobal;
  readonly rowCount: KernelGlobal;
  readonly rowCapacity: KernelGlobal;
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
  /** Rows rounded by chance so far. */
  readonly roundings: { readonly value: bigint };
  readonly power1: KernelGlobal;
  readonly power2: KernelGlobal;
}

/** What a model that learns event by event asks of the kernel of the wide part's table: src/kernels/assembly/table/linear.ts. */
export interface WideKernel {
  beginLinear(rows: number, learning: number): number;
  readLinear(row: number, learning: number): number;
  learnLinear(gradient: number): number;
}

const none: WideKernel = { beginLinear: () => 0, readLinear: () => Number.NaN, learnLinear: () => 0 };

/**
 * A fresh table kernel with a memory of its own.
 * @param takeRemoved takes the keys that wait at `removedAddress()`, when there is no more room for them
 * @param wide of the wide part's table: its exports are called as they are, from kernel to kernel
 * @param memory one that threads share, in place of its own
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
