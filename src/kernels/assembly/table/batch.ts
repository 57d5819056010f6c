// A mini-batch over one table: X[rows, cells * dim] = the cells' embeddings, and the update from dX of the same shape.
// Occurrences are numbered singles first (row-major, coefficient 1), then list by list; a list is one cell's CSR run of
// weighted keys (bags; number and bias cells have one key a row). Rows are de-duplicated: each is looked up and materialised
// once and updated once with its summed gradient, in the order of first appearance.
import { admits, admitting } from "./admission";
import { choose, markUsed, policy, sweep } from "./eviction";
import { addFloats, addScaled, copyFloats, squares, usable } from "./lanes";
import { metaBytes } from "./lifecycle";
import { workspaceOf } from "./memory";
import { claim, makeRoomFor } from "./new-rows";
import { dim, laneBytes, update, weights } from "./row-state";
import { beginStep } from "./optimizers/index";
import { hashOf, touchCandidate, touchIndex } from "./key-index";
import { NONE, rowPtr, touchRow } from "./row-places";
import { DEFAULT_KEY, exact, note, room, rowCount, rowOf, weightsOf } from "./store";

/** How a list's weights w become coefficients: w, w / sum(w), w / sqrt(sum(w^2)). */
const SUM: u32 = 0;
const MEAN: u32 = 1;

/** In place of the row of a key that is not admitted: its occurrences have the default row's place. */
const NOT_ADMITTED: u32 = NONE - 1;

/** A list of the batch: see `setList`. */
@unmanaged
class List {
  cell: u32;
  combiner: u32;
  /** Its first occurrence. */
  first: u32;
  offsets: usize;
  /** Cells. */
  width: u32;
}
const LIST_BYTES: u32 = <u32>offsetof<List>();

@inline
function listOf(i: u32): List {
  return changetype<List>(listsAt + <usize>i * LIST_BYTES);
}

let capacity: u32 = 0;
let cells: u32 = 0;
let singles: u32 = 0;
let lists: u32 = 0;

export let keysAt: usize = 0;
export let coefficientsAt: usize = 0;
export let outputAt: usize = 0;
export let gradientAt: usize = 0;
let listsAt: usize = 0;
/** u32 per occurrence: its place among the unique rows. */
let placesAt: usize = 0;
/** u32 per unique row: its number. */
let uniqueAt: usize = 0;
export let uniqueWeightsAt: usize = 0;
export let uniqueGradientsAt: usize = 0;
/** De-duplication: {u32 stamp, u32 place} by hashed identity; an entry counts when its stamp is the batch's. */
let seenAt: usize = 0;
let seenShift: u32 = 0;
let seenMask: u32 = 0;
let stamp: u32 = 0;

let occurrences: u32 = 0;
let unique: u32 = 0;
/** Unique keys that are not admitted. */
let refused: u32 = 0;

/**
 * Takes the workspace for batches of up to `rows` rows and `most` occurrences. Call before `open`, after `configureRow`.
 * False when the memory limit does not allow it.
 */
export function openBatch(rows: u32, cells_: u32, singles_: u32, lists_: u32, most: u32): bool {
  capacity = rows;
  cells = cells_;
  singles = singles_;
  lists = lists_;
  const seen: u32 = most < 8 ? 16 : 1 << (33 - clz(most - 1));
  seenMask = seen - 1;
  seenShift = 32 + clz(seenMask);
  // One more than occur: the default row.
  keysAt = workspaceOf(most + 1, 8);
  coefficientsAt = workspaceOf(most, 4);
  placesAt = workspaceOf(most, 4);
  uniqueAt = workspaceOf(most + 1, 4);
  listsAt = workspaceOf(lists, LIST_BYTES + ((rows + 1) << 2));
  seenAt = workspaceOf(seen, 8);
  outputAt = workspaceOf(rows, (<usize>cells * dim) << 2);
  gradientAt = workspaceOf(rows, (<usize>cells * dim) << 2);
  uniqueWeightsAt = workspaceOf(most + 1, laneBytes);
  uniqueGradientsAt = workspaceOf(most + 1, laneBytes);
  return uniqueGradientsAt != 0;
}

/**
 * Describes list `i` of the next batch, whose items go to `width` cells from `cell` on: all combined in one, or one in each, and
 * zeros behind the last (`width` at least the longest run, the combiner SUM). Returns the address of its u32[rows + 1] offsets,
 * which count from its first occurrence.
 */
export function setList(i: u32, cell: u32, combiner: u32, first: u32, width: u32): usize {
  const list = listOf(i);
  const offsets = listsAt + <usize>lists * LIST_BYTES + <usize>i * ((capacity + 1) << 2);
  list.cell = cell;
  list.combiner = combiner;
  list.first = first;
  list.offsets = offsets;
  list.width = width;
  return offsets;
}

/**
 * Fills X from the keys, coefficients and lists the host wrote; the keys are used up. Learning makes rows for new keys; false,
 * with nothing changed, when they do not fit. Scoring changes nothing.
 */
export function gather(rows: u32, count: u32, learn: bool): bool {
  occurrences = count;
  if (!find(exact, learn)) return false;
  spread(rows);
  return true;
}

/**
 * The first half of a learning `gather`, of what contributions name: `count` keys (rows of a hash table), each as often as there are
 * contributions with it. Their gradients are added with `addGradients` and learned with `applyCollected`.
 */
export function gatherFolded(count: u32): bool {
  occurrences = count;
  return find(true, true);
}

/** Numbers the occurrences' identities, finds their rows and writes the rows' weights; false where new ones do not fit. */
function find(byKey: bool, learn: bool): bool {
  if (learn && metaBytes) sweep();
  deduplicate(byKey);
  let missing = lookUp(0, learn);
  if (learn && admitting && missing > 0) missing = admit();
  if (learn && !makeRoomFor(missing, unique - refused)) return false;
  if (!exact || missing > 0) materialise(learn);
  return true;
}

/** Distinct identities of the last gather: they lie at `keysAt`, in the order of first appearance. */
export function distinct(): u32 {
  return unique;
}

/**
 * The first half of `gather` where the vectors come from elsewhere: leaves the batch's distinct keys at `keysAt`, in the order
 * of first appearance, and returns their number. The host writes their vectors to `uniqueWeightsAt` and calls `spread`.
 */
export function gatherKeys(count: u32): u32 {
  occurrences = count;
  deduplicate(true);
  return unique;
}

/** The other half of a scoring `gather`, once the rows of the keys that `gatherKeys` left are there. */
export function gatherFound(rows: u32): void {
  if (lookUp(0, false) > 0) materialise(false);
  spread(rows);
}

/** Fills X from the vectors of the distinct keys (or rows). */
export function spread(rows: u32): void {
  for (let i: u32 = 0; i < lists; i++) combine(i, rows);
  spreadSingles(rows);
  for (let i: u32 = 0; i < lists; i++) spreadList(i, rows);
}

/**
 * Numbers the batch's identities (keys, or rows of a hash table) in the order of first appearance. They overwrite the keys: no
 * identity's place lies behind its first occurrence.
 */
function deduplicate(byKey: bool): void {
  unique = 0;
  refused = 0;
  if (++stamp == 0) {
    memory.fill(seenAt, 0, (<usize>seenMask + 1) << 3);
    stamp = 1;
  }
  for (let i: u32 = 0; i < occurrences; i++) {
    const key = identity(i);
    store<u32>(placesAt + ((<usize>i) << 2), placeOf(byKey ? key : <u64>rowOf(key)));
  }
}

@inline
function placeOf(id: u64): u32 {
  let i = <u32>(hashOf(id) >> seenShift);
  while (true) {
    const at = seenAt + ((<usize>i) << 3);
    if (load<u32>(at) != stamp) {
      store<u32>(at, stamp);
      store<u32>(at, unique, 4);
      store<u64>(keysAt + ((<usize>unique) << 3), id);
      return unique++;
    }
    const place = load<u32>(at, 4);
    if (identity(place) == id) return place;
    i = (i + 1) & seenMask;
  }
}

@inline
function identity(place: u32): u64 {
  return load<u64>(keysAt + ((<usize>place) << 3));
}

/** Unique rows worked on together: their index lines and rows fit in the L1 cache. At most MOST_CHOSEN. */
const BLOCK: u32 = 128;

/** Kept where the compiler cannot see that nobody reads it: the bytes read only to bring lines into the cache. */
let warmth: u32 = 0;

/**
 * Decides on the new keys, occurrence by occurrence: one that is not admitted gets the default row's place. Returns how many
 * rows have to be made.
 */
function admit(): u32 {
  const known = unique;
  let shared = NONE;
  let made: u32 = 0;
  for (let i: u32 = 0; i < occurrences; i++) {
    const at = placesAt + ((<usize>i) << 2);
    const place = load<u32>(at);
    const row = uniqueAt + ((<usize>place) << 2);
    if (place >= known || load<u32>(row) != NONE) continue;
    if (admits(identity(place))) {
      made += adopt(row);
    } else {
      if (shared == NONE) shared = placeOf(DEFAULT_KEY);
      store<u32>(at, shared);
    }
  }
  // A real id may have the default row's key.
  if (shared < known) made += adopt(uniqueAt + ((<usize>shared) << 2));
  for (let u: u32 = 0; u < known; u++) refused += turnOver(uniqueAt + ((<usize>u) << 2));
  return made + lookUp(known, true);
}

/** Marks a new key as admitted, for `turnOver`; 1 unless it was. */
@inline
function adopt(row: usize): u32 {
  const fresh = load<u32>(row) == NONE;
  if (fresh) store<u32>(row, NOT_ADMITTED);
  return u32(fresh);
}

/** New keys that were admitted get NONE again, like any without a row; those that were not are set apart: returns 1. */
@inline
function turnOver(row: usize): u32 {
  const was = load<u32>(row);
  if (was >= NOT_ADMITTED) store<u32>(row, was == NONE ? NOT_ADMITTED : NONE);
  return u32(was == NONE);
}

/**
 * Finds every unique row from the first-th on and counts those that do not exist. Runs block by block, first touching the index
 * lines, then the rows they lead to, then finding the rows: short loops of independent steps, so that the memory's latencies
 * overlap. An exact table's row is at hand then, and its weights are written at once.
 */
function lookUp(first: u32, learn: bool): u32 {
  let missing: u32 = 0;
  for (let from = first; from < unique; from += BLOCK) {
    const to = min(from + BLOCK, unique);
    if (!exact) {
      for (let u = from; u < to; u++) store<u32>(uniqueAt + ((<usize>u) << 2), <u32>identity(u));
      continue;
    }
    for (let u = from; u < to; u++) warmth += touchIndex(identity(u));
    for (let u = from; u < to; u++) warmth += touchCandidate(identity(u));
    for (let u = from; u < to; u++) missing += u32(!findRow(u, learn));
  }
  return missing;
}

/** Finds unique row u of an exact table and writes its weights; false where there is none. */
@inline
function findRow(u: u32, learn: bool): bool {
  const row = rowOf(identity(u));
  store<u32>(uniqueAt + ((<usize>u) << 2), row);
  if (row == NONE) return false;
  if (learn && metaBytes) markUsed(row);
  weights(rowPtr(row), uniqueWeightsAt + <usize>u * laneBytes);
  return true;
}

/** Writes the weights of every unique row that `lookUp` did not; learning makes the missing rows first. */
function materialise(learn: bool): void {
  for (let from: u32 = 0; from < unique; from += BLOCK) {
    const to = min(from + BLOCK, unique);
    if (!exact) touchRows(from, to);
    else if (learn && policy) chooseFor(from, to);
    for (let u = from; u < to; u++) {
      const row = load<u32>(uniqueAt + ((<usize>u) << 2));
      if (!exact || row == NONE) materialiseOne(u, row, learn);
    }
  }
}

/** Chooses the rows that the new ones of a block displace in a full table. */
function chooseFor(from: u32, to: u32): void {
  if (rowCount < room) return;
  let missing: u32 = 0;
  for (let u = from; u < to; u++) missing += u32(load<u32>(uniqueAt + ((<usize>u) << 2)) == NONE);
  choose(missing);
}

@inline
function materialiseOne(u: u32, found: u32, learn: bool): void {
  const id = identity(u);
  const out = uniqueWeightsAt + <usize>u * laneBytes;
  if (!learn) {
    weightsOf(id, found, out);
    return;
  }
  const row = claim(id, found);
  store<u32>(uniqueAt + ((<usize>u) << 2), row);
  weights(rowPtr(row), out);
}

@inline
function touchRows(from: u32, to: u32): void {
  for (let u = from; u < to; u++) {
    const row = load<u32>(uniqueAt + ((<usize>u) << 2));
    if (row < NOT_ADMITTED) warmth += touchRow(row);
  }
}

/** Address of an occurrence's weights. */
@inline
function weightsAt(i: u32): usize {
  return uniqueWeightsAt + <usize>load<u32>(placesAt + ((<usize>i) << 2)) * laneBytes;
}

/** Turns a list's weights into coefficients. A row whose weights have no mean (none, or sum 0) gets zeros. */
function combine(list: u32, rows: u32): void {
  const head = listOf(list);
  const combiner = head.combiner;
  if (combiner == SUM) return;
  const base = coefficientsAt + ((<usize>head.first) << 2);
  const offsets = head.offsets;
  for (let r: u32 = 0; r < rows; r++) {
    const from = base + ((<usize>load<u32>(offsets + ((<usize>r) << 2))) << 2);
    const to = base + ((<usize>load<u32>(offsets + ((<usize>r) << 2), 4)) << 2);
    let sum: f32 = 0;
    for (let at = from; at < to; at += 4) {
      const w = load<f32>(at);
      sum += combiner == MEAN ? w : w * w;
    }
    const divisor = combiner == MEAN ? sum : sqrt<f32>(sum);
    for (let at = from; at < to; at += 4) store<f32>(at, divisor == 0 ? 0 : load<f32>(at) / divisor);
  }
}

function spreadSingles(rows: u32): void {
  const rowBytes = (<usize>cells * dim) << 2;
  let i: u32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    let out = outputAt + <usize>r * rowBytes;
    for (let c: u32 = 0; c < singles; c++) {
      copyFloats(out, weightsAt(i++), dim);
      out += (<usize>dim) << 2;
    }
  }
}

/** Bytes from an item's cell to the next one's: none where all go to the same. */
@inline
function stepOf(list: List): usize {
  return list.width > 1 ? (<usize>dim) << 2 : 0;
}

function spreadList(list: u32, rows: u32): void {
  const head = listOf(list);
  const offsets = head.offsets;
  const rowBytes = (<usize>cells * dim) << 2;
  const width = (<usize>head.width * dim) << 2;
  const step = stepOf(head);
  let out = outputAt + ((<usize>head.cell * dim) << 2);
  let i = head.first;
  for (let r: u32 = 0; r < rows; r++) {
    const end = head.first + load<u32>(offsets + ((<usize>r) << 2), 4);
    memory.fill(out, 0, width);
    for (let to = out; i < end; i++) {
      addScaled(to, weightsAt(i), dim, load<f32>(coefficientsAt + ((<usize>i) << 2)));
      to += step;
    }
    out += rowBytes;
  }
}

/** Applies dX of the last learning gather: one optimizer step, one update for each unique row. */
export function apply(rows: u32): void {
  collect(rows);
  applyCollected();
}

/** One optimizer step with the gradients at `uniqueGradientsAt`, one update for each unique row. */
export function applyCollected(): void {
  beginStep();
  for (let from: u32 = 0; from < unique; from += BLOCK) {
    const to = min(from + BLOCK, unique);
    touchRows(from, to);
    for (let u = from; u < to; u++) {
      const offset = <usize>u * laneBytes;
      const row = load<u32>(uniqueAt + ((<usize>u) << 2));
      if (row == NOT_ADMITTED) continue;
      note(row);
      update(rowPtr(row), uniqueWeightsAt + offset, uniqueGradientsAt + offset);
    }
  }
  unique = 0;
}

/** Sums dX for each distinct key (or row), at `uniqueGradientsAt`. */
export function collect(rows: u32): void {
  clearGradients();
  collectSingles(rows);
  for (let i: u32 = 0; i < lists; i++) collectList(i, rows);
}

export function clearGradients(): void {
  memory.fill(uniqueGradientsAt, 0, <usize>unique * laneBytes);
}

/** Adds f32[count x dim], as they lie at `gradientAt`, to the gradients of the occurrences from the first-th on. */
export function addGradients(first: u32, count: u32): void {
  let from = gradientAt;
  for (let i: u32 = 0; i < count; i++) {
    addFloats(gradientOf(first + i), from, dim);
    from += (<usize>dim) << 2;
  }
}

@inline
function gradientOf(i: u32): usize {
  return uniqueGradientsAt + <usize>load<u32>(placesAt + ((<usize>i) << 2)) * laneBytes;
}

function collectSingles(rows: u32): void {
  const rowBytes = (<usize>cells * dim) << 2;
  let i: u32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    let dx = gradientAt + <usize>r * rowBytes;
    for (let c: u32 = 0; c < singles; c++) {
      addFloats(gradientOf(i++), dx, dim);
      dx += (<usize>dim) << 2;
    }
  }
}

function collectList(list: u32, rows: u32): void {
  const head = listOf(list);
  const offsets = head.offsets;
  const rowBytes = (<usize>cells * dim) << 2;
  const step = stepOf(head);
  let dx = gradientAt + ((<usize>head.cell * dim) << 2);
  let i = head.first;
  for (let r: u32 = 0; r < rows; r++) {
    const end = head.first + load<u32>(offsets + ((<usize>r) << 2), 4);
    for (let from = dx; i < end; i++) {
      addScaled(gradientOf(i), from, dim, load<f32>(coefficientsAt + ((<usize>i) << 2)));
      from += step;
    }
    dx += rowBytes;
  }
}

/** True when every float of dX is usable (see `usable`). */
export function gradientUsable(rows: u32): bool {
  return usable(gradientAt, rows * cells * dim);
}

/** The sum of dX's squares. */
export function gradientSquares(rows: u32): f32 {
  return squares(gradientAt, rows * cells * dim);
}
