// Slots → one row of the batch: label and weights first, then every field, with one loop per kind of field.
import { BAD_NUMBER, BAD_TYPE, BAD_UTF8, BAD_VECTOR, BLANK, NUMBER_OUT_OF_RANGE, OK } from "./codes";
import { countDistinct } from "./distinct";
import { head } from "./head";
import { isOfContext } from "./json";
import { item, itemKind, itemScale, itemSize, itemsFailed, itemValue, itemValued, nextItem, openItems } from "./items";
import { checkKept, keepRow } from "./kept";
import { inRange, parseNumber, smallInteger } from "./number";
import {
  BAG_CELL_BYTES,
  BAG_OP_BYTES,
  BUCKET_OP_BYTES,
  BUCKET_RUN_BYTES,
  BagCell,
  BagOp,
  BucketOp,
  BucketRun,
  CROSS_OP_BYTES,
  CrossOp,
  SMALL_NUMBERS,
  BOOLEAN,
  FIELD_FEATURES,
  HASH_OP_BYTES,
  HASH_RUN_BYTES,
  HashOp,
  HashRun,
  NUMBER,
  NO_ROW,
  NUMBER_OP_BYTES,
  NumberOp,
  OBJECT,
  SCALED,
  NULL_OP_BYTES,
  NullOp,
  SLOT_BYTES,
  STRING,
  Slot,
  VECTOR_OP_BYTES,
  VectorOp,
  fail,
  mayFail,
  plan,
} from "./plan";
import { findWord, textFault, numberFault, numberOf, truthOr } from "./slot-values";
import { isUtf8 } from "./utf8";
import { watchRow } from "./watch";
import { eightOrNone, xxh64 } from "./xxh64";

/** log1p of the integers below this is looked up. */
const LOG_TABLE: u32 = 4096;
const logs: usize = memory.data(4096 * 4, 16);

export function fillLogs(): void {
  for (let i: u32 = 0; i < LOG_TABLE; i++) store<f32>(logs + (i << 2), <f32>NativeMath.log1p(<f64>i));
}

/** Region where the keys of a cross are placed consecutively; the plan sets the maximum number of components. */
let joined: usize = 0;

export function setJoined(at: usize): void {
  joined = at;
}

/**
 * True if the next rows are candidates over a context with values: what candidates share with the context is copied
 * from an earlier row.
 */
let overContext: bool = false;

/** A request's context was read: no row contains its values yet. */
export function beginContext(): void {
  overContext = false;
  for (let at = plan.slots; at < plan.slotsEnd && !overContext; at += SLOT_BYTES)
    overContext = changetype<Slot>(at).size != 0;
  for (let at = plan.hashes; at < plan.hashesEnd; at += HASH_RUN_BYTES) {
    const run = changetype<HashRun>(at);
    for (let at = run.ops; at < run.opsEnd; at += HASH_OP_BYTES) changetype<HashOp>(at).contextRow = NO_ROW;
  }
  for (let at = plan.bags; at < plan.bagsEnd; at += BAG_OP_BYTES) changetype<BagOp>(at).contextRow = NO_ROW;
  for (let at = plan.vectors; at < plan.vectorsEnd; at += VECTOR_OP_BYTES) changetype<VectorOp>(at).contextRow = NO_ROW;
}

/** Writes row `row` of the batch. @returns a reject code, or BLANK; a row that is not accepted leaves nothing behind */
export function acceptRow(row: usize): u32 {
  if (plan.typeSlot && !findWord(plan.typeSlot!, plan.types, plan.typesEnd, truthOr(plan.typeSlot!))) return BLANK;
  if (plan.nulls != plan.nullsEnd) clearNulls();
  let code = head(row);
  if (!code && mayFail) code = checkTexts();
  if (!code) code = numbers(row);
  if (!code) code = buckets(row);
  if (!code) code = bags(row);
  if (!code) code = vectors(row);
  if (!code && plan.keptRows) code = checkKept();
  if (code) return code;
  if (overContext) hashesOver(row);
  else hashes(row);
  crosses(row);
  countDistinct(row);
  if (plan.watches != plan.watchesEnd) watchRow();
  if (plan.keptRows) keepRow(OK);
  return OK;
}

/** Marks values as missing that are declared as null words. */
export function clearNulls(): void {
  for (let at = plan.nulls; at < plan.nullsEnd; at += NULL_OP_BYTES) {
    const op = changetype<NullOp>(at);
    const slot = op.slot;
    if (slot.size && slot.kind <= STRING && findWord(slot, op.words, op.wordsEnd, NaN)) slot.size = 0;
  }
}

/**
 * BAD_UTF8 if a value that is read is not UTF-8; values that are not read may have any bytes. For rows with invalid
 * bytes.
 */
export function textsFault(): u32 {
  const end = plan.slotsEnd;
  for (let at = plan.slots; at < end; at += SLOT_BYTES) {
    const slot = changetype<Slot>(at);
    const isText = slot.size && (slot.kind <= OBJECT || slot.kind == SCALED || slot.kind == FIELD_FEATURES);
    if (isText && !isUtf8(slot.at, slot.at + slot.size)) return fail(slot, BAD_UTF8);
  }
  return OK;
}

function checkTexts(): u32 {
  const end = plan.textsEnd;
  for (let at = plan.texts; at < end; at += 4) {
    const slot = changetype<Slot>(load<usize>(at));
    const fault = textFault(slot);
    if (fault) return fail(slot, fault);
  }
  return OK;
}

function hashes(row: usize): void {
  const end = plan.hashesEnd;
  for (let at = plan.hashes; at < end; at += HASH_RUN_BYTES) {
    const run = changetype<HashRun>(at);
    const opsEnd = run.opsEnd;
    let at = run.ops,
      to = run.to + row * run.stride;
    for (;;) {
      // Ids of one length: a loop that does nothing else can keep everything in registers.
      while (at < opsEnd) {
        const op = changetype<HashOp>(at);
        const slot = op.slot;
        const size = slot.size;
        if (size & ~8) break;
        store<u64>(to, eightOrNone(slot.at, size, op.seed));
        at += HASH_OP_BYTES;
        to += 8;
      }
      if (at == opsEnd) break;
      const op = changetype<HashOp>(at);
      const slot = op.slot;
      store<u64>(to, xxh64(slot.at, slot.size, op.seed));
      at += HASH_OP_BYTES;
      to += 8;
    }
  }
}

/** `hashes` over a context. A key that is only part of a cross has no place of its own in the rows. */
function hashesOver(row: usize): void {
  const end = plan.hashesEnd;
  for (let at = plan.hashes; at < end; at += HASH_RUN_BYTES) {
    const run = changetype<HashRun>(at);
    const opsEnd = run.opsEnd;
    const stride = <usize>run.stride;
    let to = run.to + row * stride;
    for (let at = run.ops; at < opsEnd; at += HASH_OP_BYTES) {
      const op = changetype<HashOp>(at);
      const slot = op.slot;
      const same = stride != 0 && isOfContext(slot);
      if (same && op.contextRow != NO_ROW) store<u64>(to, load<u64>(to - (row - op.contextRow) * stride));
      else {
        store<u64>(to, xxh64(slot.at, slot.size, op.seed));
        if (same) op.contextRow = <u32>row;
      }
      to += 8;
    }
  }
}

/** sign(x) log1p(|x|). */
function log1p(x: f64): f32 {
  return <f32>copysign<f64>(NativeMath.log1p(abs(x)), x);
}

function numbers(row: usize): u32 {
  const end = plan.numbersEnd;
  for (let at = plan.numbers; at < end; at += NUMBER_OP_BYTES) {
    const op = changetype<NumberOp>(at);
    const slot = op.slot;
    const size = slot.size;
    const to = op.to + row * op.stride;
    const small = size < 8 && slot.kind <= NUMBER ? smallInteger(slot.at, size) : -1;
    if (<u32>small < LOG_TABLE) {
      const y = op.log1p ? load<f32>(logs + ((<usize>small) << 2)) : <f32>small;
      store<f32>(to, select<f32>(y, NaN, size));
      continue;
    }
    if (size == 0) {
      store<f32>(to, NaN);
      continue;
    }
    const fault = numberFault(slot);
    if (fault) return fail(slot, fault);
    const x = numberOf(slot);
    if (!isFinite(x)) return fail(slot, isNaN(x) ? BAD_NUMBER : NUMBER_OUT_OF_RANGE);
    store<f32>(to, op.log1p ? log1p(x) : <f32>x);
  }
  return OK;
}

/** The number of sorted boundaries that are <= x. */
function bucketOf(x: f64, boundaries: usize, count: u32): u32 {
  let low: u32 = 0;
  let size = count;
  while (size) {
    const half = size >> 1;
    const above = load<f64>(boundaries + ((<usize>(low + half)) << 3)) <= x;
    low = above ? low + half + 1 : low;
    size = above ? size - half - 1 : half;
  }
  return low;
}

function buckets(row: usize): u32 {
  const end = plan.bucketsEnd;
  for (let at = plan.buckets; at < end; at += BUCKET_RUN_BYTES) {
    const run = changetype<BucketRun>(at);
    const opsEnd = run.opsEnd;
    let to = run.to + row * run.stride;
    for (let at = run.ops; at < opsEnd; at += BUCKET_OP_BYTES) {
      const op = changetype<BucketOp>(at);
      const slot = op.slot;
      const size = slot.size;
      let bucket = op.missing;
      const small = size < 8 && slot.kind <= NUMBER ? smallInteger(slot.at, size) : -1;
      // Whether a value is missing is unpredictable, so there is no branch on it.
      if (<u32>small < SMALL_NUMBERS) bucket = select<u32>(load<u16>(op.small + ((<usize>small) << 1)), bucket, size);
      else if (size) {
        const fault = numberFault(slot);
        if (fault) return fail(slot, fault);
        const x = numberOf(slot);
        if (!isFinite(x)) return fail(slot, isNaN(x) ? BAD_NUMBER : NUMBER_OUT_OF_RANGE);
        bucket = bucketOf(x, op.boundaries, bucket - 1);
      }
      store<u64>(to, load<u64>(op.keys + ((<usize>bucket) << 3)));
      to += 8;
    }
  }
  return OK;
}

function crosses(row: usize): void {
  const end = plan.crossesEnd;
  for (let at = plan.crosses; at < end; at += CROSS_OP_BYTES) {
    const op = changetype<CrossOp>(at);
    const bytes = op.count << 3;
    for (let i: u32 = 0; i < bytes; i += 8) store<u64>(joined + i, load<u64>(load<usize>(op.parts + (i >> 1))));
    store<u64>(op.to + row * op.stride, xxh64(joined, bytes, op.seed));
  }
}

function bags(row: usize): u32 {
  for (let at = plan.bags; at < plan.bagsEnd; at += BAG_OP_BYTES) {
    const op = changetype<BagOp>(at);
    const slot = op.slot;
    const start = load<u32>(changetype<BagCell>(op.cells).offsets + (row << 2));
    let count = start;
    const same = overContext && isOfContext(slot);
    if (same && op.contextRow != NO_ROW) count = bagAgain(op, start);
    else if (slot.size) {
      if (!openItems(slot, op.separator, op.separatorSize, true)) return fail(slot, textFault(slot));
      const full = start + op.maxLength;
      while (count < full && nextItem()) {
        if (itemSize) bagItem(op, count++);
      }
      if (count < full && itemsFailed) return fail(slot, itemsFailed);
    }
    const end = op.cells + <usize>op.cellCount * BAG_CELL_BYTES;
    for (let c = op.cells; c < end; c += BAG_CELL_BYTES)
      store<u32>(changetype<BagCell>(c).offsets + (row << 2), count, 4);
    if (same && op.contextRow == NO_ROW) op.contextRow = <u32>row;
  }
  return OK;
}

/** Copies the context's items from the row that has them. @returns their end */
function bagAgain(op: BagOp, start: u32): u32 {
  const offsets = changetype<BagCell>(op.cells).offsets + ((<usize>op.contextRow) << 2);
  const from = <usize>load<u32>(offsets);
  const count = <usize>load<u32>(offsets, 4) - from;
  const end = op.cells + <usize>op.cellCount * BAG_CELL_BYTES;
  for (let c = op.cells; c < end; c += BAG_CELL_BYTES) {
    const cell = changetype<BagCell>(c);
    memory.copy(cell.keys + ((<usize>start) << 3), cell.keys + (from << 3), count << 3);
    memory.copy(cell.weights + ((<usize>start) << 2), cell.weights + (from << 2), count << 2);
  }
  return start + <u32>count;
}

function bagItem(op: BagOp, index: u32): void {
  const end = op.cells + <usize>op.cellCount * BAG_CELL_BYTES;
  for (let c = op.cells; c < end; c += BAG_CELL_BYTES) {
    const cell = changetype<BagCell>(c);
    store<u64>(cell.keys + ((<usize>index) << 3), xxh64(item, itemSize, cell.seed));
    store<f32>(cell.weights + ((<usize>index) << 2), <f32>itemValue);
  }
}

function vectors(row: usize): u32 {
  for (let at = plan.vectors; at < plan.vectorsEnd; at += VECTOR_OP_BYTES) {
    const op = changetype<VectorOp>(at);
    const to = op.to + row * op.stride;
    const same = overContext && isOfContext(op.slot);
    if (same && op.contextRow != NO_ROW) {
      memory.copy(to, to - (row - op.contextRow) * op.stride, op.take << 2);
      continue;
    }
    const code = op.slot.size ? vector(op, to) : OK;
    if (code) return fail(op.slot, code);
    if (!op.slot.size) memory.fill(to, 0, op.take << 2);
    if (same) op.contextRow = <u32>row;
  }
  return OK;
}

function vector(op: VectorOp, to: usize): u32 {
  const kind = op.slot.kind;
  if (kind == NUMBER || kind == STRING || kind == BOOLEAN || !openItems(op.slot, op.separator, op.separatorSize, false))
    return BAD_TYPE;
  let count: u32 = 0;
  while (nextItem()) {
    const size = itemSize;
    if (count == op.length || (size == 0 && !itemValued)) return BAD_VECTOR;
    if (itemKind > NUMBER) return BAD_TYPE;
    const x = itemValued ? itemValue : inRange(parseNumber(item, size) * itemScale);
    if (!isFinite(x)) return isNaN(x) ? BAD_NUMBER : NUMBER_OUT_OF_RANGE;
    if (count < op.take) store<f32>(to + ((<usize>count) << 2), <f32>x);
    count++;
  }
  if (itemsFailed) return itemsFailed;
  return count == op.length ? OK : BAD_VECTOR;
}
