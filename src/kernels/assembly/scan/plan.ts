// The decode plan: what to do with each value of an event. src/decode/plan.ts writes these structs, whose layouts the module
// carries; all pointers are addresses in this memory, `column` is what a reject names.

/** What a slot holds. A kind up to STRING is text that can be hashed, up to NUMBER text that may be parsed as a number. */
export const MISSING: u32 = 0;
export const TEXT: u32 = 1;
export const NUMBER: u32 = 2;
export const BOOLEAN: u32 = 3;
export const STRING: u32 = 4;
/** A JSON array, brackets included, known to be valid. */
export const ARRAY: u32 = 5;
/** The features of a VW namespace. */
export const FEATURES: u32 = 6;
export const OBJECT: u32 = 7;
/** JSON: members were expected where another value stands. */
export const MISPLACED: u32 = 8;
/** A JSON string with half a surrogate pair. */
export const LONE_SURROGATE: u32 = 9;
/** The text of a number that the namespace's scale, `SCALE_AFTER` bytes behind this slot, multiplies. */
export const SCALED: u32 = 10;
/** The words of a line of libffm from the first to the last one of a field: that of the first. */
export const FIELD_FEATURES: u32 = 11;
/** An f64. */
export const BINARY: u32 = 12;
/** A row's elements of a tensor: `at` is the tensor's struct. */
export const ELEMENTS: u32 = 13;

/** Where a value of the current row lies. Missing = size 0. */
@unmanaged
export class Slot {
  at: usize;
  size: u32;
  kind: u32;
  /** Index of the source column or path, named by rejects. */
  column: u32;
}
export const SLOT_BYTES: usize = offsetof<Slot>();

/** From a VW namespace's number slot to the slot of its scale, and from its items slot. */
export const SCALE_AFTER: usize = 2 * SLOT_BYTES;
export const SCALE_AFTER_ITEMS: usize = SLOT_BYTES;

/** `contextRow` of an op: no row has the value of the request's context yet. */
export const NO_ROW: u32 = 0xffffffff;

/** Hash the slot's text. */
@unmanaged
export class HashOp {
  slot: Slot;
  /** A row whose key is that of the context's text. */
  contextRow: u32;
  seed: u64;
}
export const HASH_OP_BYTES: usize = offsetof<HashOp>();

/** Hash one text after the other, to u64s side by side from `to + row * stride` on. */
@unmanaged
export class HashRun {
  to: usize;
  stride: u32;
  ops: usize;
  opsEnd: usize;
}
export const HASH_RUN_BYTES: usize = offsetof<HashRun>();

/** Parse the slot's text to f32 at `to + row * stride`. */
@unmanaged
export class NumberOp {
  slot: Slot;
  to: usize;
  stride: u32;
  log1p: u32;
}
export const NUMBER_OP_BYTES: usize = offsetof<NumberOp>();

/** Whole numbers below this have their buckets in a table. */
export const SMALL_NUMBERS: u32 = 4096;

/**
 * Find the bucket of the slot's number among `missing` - 1 boundaries, f64 each, and take its key of `keys`, u64 each; a missing number
 * has the bucket `missing`. `small`: u16[SMALL_NUMBERS], the buckets of 0, 1, 2, ...
 */
@unmanaged
export class BucketOp {
  slot: Slot;
  keys: usize;
  missing: u32;
  small: usize;
  boundaries: usize;
}
export const BUCKET_OP_BYTES: usize = offsetof<BucketOp>();

/** Find one bucket after the other; keys go to u64s side by side from `to + row * stride` on. */
@unmanaged
export class BucketRun {
  to: usize;
  stride: u32;
  ops: usize;
  opsEnd: usize;
}
export const BUCKET_RUN_BYTES: usize = offsetof<BucketRun>();

/** Hash `count` component keys, found through the pointers at `parts`, to u64 at `to + row * stride`. */
@unmanaged
export class CrossOp {
  parts: usize;
  count: u32;
  to: usize;
  stride: u32;
  seed: u64;
}
export const CROSS_OP_BYTES: usize = offsetof<CrossOp>();

/** One CSR region of a bag. */
@unmanaged
export class BagCell {
  seed: u64;
  offsets: usize;
  keys: usize;
  weights: usize;
  pad: u32;
}
export const BAG_CELL_BYTES: usize = offsetof<BagCell>();

/** Split the slot's value into items, hash each for every cell. */
@unmanaged
export class BagOp {
  slot: Slot;
  /** The separator's bytes, first one lowest; 1..8 of them. */
  separatorSize: u32;
  separator: u64;
  maxLength: u32;
  cells: usize;
  cellCount: u32;
  /** A row whose items are the context's. */
  contextRow: u32;
}
export const BAG_OP_BYTES: usize = offsetof<BagOp>();

/** Parse exactly `length` numbers, keep `take` of them as f32 at `to + row * stride`. */
@unmanaged
export class VectorOp {
  slot: Slot;
  separatorSize: u32;
  separator: u64;
  length: u32;
  take: u32;
  to: usize;
  stride: u32;
  /** A row whose numbers are the context's. */
  contextRow: u32;
  pad: u32;
}
export const VECTOR_OP_BYTES: usize = offsetof<VectorOp>();

/** Count the `count` keys side by side from `keys + row * stride` on, each into 4096 registers of its own; fields: u32 each. */
@unmanaged
export class DistinctRun {
  keys: usize;
  stride: u32;
  count: u32;
  fields: usize;
  registers: usize;
  pad: u32;
}
export const DISTINCT_RUN_BYTES: usize = offsetof<DistinctRun>();

/** Count every item of a bag. */
@unmanaged
export class DistinctBagOp {
  offsets: usize;
  keys: usize;
  field: u32;
  registers: usize;
}
export const DISTINCT_BAG_OP_BYTES: usize = offsetof<DistinctBagOp>();

/** A value of which all rows so far had the same: its size (UNSEEN: there was no row), and its bytes, hashed where there are more than 8. */
@unmanaged
export class Watch {
  slot: Slot;
  size: u32;
  bytes: u64;
}
export const WATCH_BYTES: usize = offsetof<Watch>();
export const UNSEEN: u32 = 0xffffffff;

/** A text that a value is compared with, and the number it makes; NaN: none. */
@unmanaged
export class Word {
  number: f64;
  at: usize;
  size: u32;
}
export const WORD_BYTES: usize = offsetof<Word>();

/** The words that, as a slot's value, mean that there is none. */
@unmanaged
export class NullOp {
  slot: Slot;
  words: usize;
  wordsEnd: usize;
}
export const NULL_OP_BYTES: usize = offsetof<NullOp>();

/** Everything about one model's events. Slots that the spec has no use for are null. */
@unmanaged
class Plan {
  atLeast: f64;
  /** A time's number times this, divided by that, is milliseconds. */
  timeScale: f64;
  timeDivisor: f64;
  /** Milliseconds that calendar times without an offset are ahead of UTC. */
  zone: f64;
  /**
   * Pointers to the slot of each file column (tsv, csv), filled up to a multiple of four; the host changes the end when it has
   * read a header.
   */
  columns: usize;
  columnsEnd: usize;
  /** Room for the addresses of delimiters and of newlines: one before, the most columns a file can have and 1024 more. */
  positions: usize;
  lines: usize;

  /** What an event is, and the words of which it must be one; null: all are wanted. */
  typeSlot: Slot | null;
  types: usize;
  typesEnd: usize;
  labelSlot: Slot | null;
  /** The positive text, whose number is atLeast (NaN: it is none); a size of 0 means: positive when the number is >= atLeast. */
  positive: usize;
  positiveSize: u32;
  /** Words of which a positive label is one; none: `positive` says it. */
  positives: usize;
  positivesEnd: usize;
  weightSlot: Slot | null;
  timeSlot: Slot | null;
  /** Pointers to the slots of the id, or of the values of a key. */
  idSlots: usize;
  idSlotsEnd: usize;
  oracleSlot: Slot | null;
  /** 0: label, weight, time, id and true probability may be missing, or anything. */
  required: u32;
  /** 1: the label is a probability, taken as it is. */
  soft: u32;

  labels: usize;
  weights: usize;
  times: usize;
  ids: usize;
  oracles: usize;

  slots: usize;
  slotsEnd: usize;
  /** What makes values missing. */
  nulls: usize;
  nullsEnd: usize;
  /** What a JSON string is to its reader: STRING, or TEXT where numbers may be written as strings. */
  stringKind: u32;
  /** Pointers to the slots that are hashed, in the order they are checked. */
  texts: usize;
  textsEnd: usize;
  hashes: usize;
  hashesEnd: usize;
  numbers: usize;
  numbersEnd: usize;
  buckets: usize;
  bucketsEnd: usize;
  crosses: usize;
  crossesEnd: usize;
  bags: usize;
  bagsEnd: usize;
  vectors: usize;
  vectorsEnd: usize;
  distincts: usize;
  distinctsEnd: usize;
  distinctBags: usize;
  distinctBagsEnd: usize;
  watches: usize;
  watchesEnd: usize;

  /** u32 list of risen registers, and where the next one goes. */
  changes: usize;
  changesEnd: usize;

  separator: u32;
  /** The quote byte of csv; the separator where nothing is quoted. */
  quote: u32;

  /** The root of JSON's members, VW's namespaces, libsvm's indexes or libffm's fields. */
  root: usize;
  /** What stands before VW's first bar, and before the features of libsvm (whose tag is the qid). */
  headLabel: Slot;
  headWeight: Slot;
  headTag: Slot;
  /** All features of libsvm. */
  features: Slot | null;
  /** Room for unescaped text. */
  scratch: usize;
  scratchLimit: usize;
  /** Pointers to the slots whose texts are kept for the host, and the rows kept since it took them; 0: none is kept. */
  kept: usize;
  keptEnd: usize;
  keptRows: usize;
  keptRowsEnd: usize;
  /** Behind it no further row is kept before the host has taken those. */
  keptRowsLimit: usize;
  /** Where a mark is left for every row of the batch; 0: none is. */
  marks: usize;
}

/** Where a row ended. */
@unmanaged
export class Mark {
  /** Address behind it. */
  end: usize;
  /** Lines read since `setCursor`, its own included. */
  lines: u32;
  /** Registers that have risen since the host took the changes, up to this row. */
  risen: u32;
}
export const MARK_BYTES: usize = offsetof<Mark>();

/** The plan in use. */
export let plan: Plan = changetype<Plan>(0);

export function setPlan(at: usize): void {
  plan = changetype<Plan>(at);
}

/** The slot that made the last row fail, null if no single one did. */
export let failedSlot: usize = 0;

export function setFailedSlot(at: usize): void {
  failedSlot = at;
}

/** Notes the slot and returns the code. */
export function fail(slot: Slot, code: u32): u32 {
  failedSlot = changetype<usize>(slot);
  return code;
}

/** Whether values of this row may be too long or of a kind that cannot be hashed: a reader that knows better clears it. */
export let mayFail: bool = true;

export function setMayFail(may: bool): void {
  mayFail = may;
}

/** The next free byte of the unescaped text of this row. */
export let scratchEnd: usize = 0;

export function setScratchEnd(at: usize): void {
  scratchEnd = at;
}
