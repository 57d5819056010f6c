// The decode plan: what to do with each value of an event. src/decode/plan.ts writes these structs, whose layouts the
// module exports. Pointers are addresses in this memory; `column` is reported in rejects.

/**
 * Kinds of a slot's content. A kind up to STRING is text that can be hashed, up to NUMBER text that may be parsed as a
 * number.
 */
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
/** JSON: another value where an object with members was expected. */
export const MISPLACED: u32 = 8;
/** A JSON string with an unpaired surrogate. */
export const LONE_SURROGATE: u32 = 9;
/** The text of a number to be multiplied by the namespace's scale, whose slot is `SCALE_AFTER` bytes after this one. */
export const SCALED: u32 = 10;
/** The words of a libffm line from the first to the last one of a field; this is the first. */
export const FIELD_FEATURES: u32 = 11;
/** An f64, stored instead of a text. */
export const BINARY: u32 = 12;
/** A row's elements of a tensor: `at` is the address of the tensor's struct. */
export const ELEMENTS: u32 = 13;

/** Location of a value of the current row. Missing = size 0. */
@unmanaged
export class Slot {
  at: usize;
  size: u32;
  kind: u32;
  /** Index of the source column or path, reported in rejects. */
  column: u32;
}
export const SLOT_BYTES: usize = offsetof<Slot>();

/** Offset of the scale's slot from a VW namespace's number slot, and from its items slot. */
export const SCALE_AFTER: usize = 2 * SLOT_BYTES;
export const SCALE_AFTER_ITEMS: usize = SLOT_BYTES;

/** `contextRow` of an op: no row has the value of the request's context yet. */
export const NO_ROW: u32 = 0xffffffff;

/** Hashes the slot's text. */
@unmanaged
export class HashOp {
  slot: Slot;
  /** A row that has the key of the context's text. */
  contextRow: u32;
  seed: u64;
}
export const HASH_OP_BYTES: usize = offsetof<HashOp>();

/** Hashes consecutive texts to consecutive u64s at `to + row * stride`. */
@unmanaged
export class HashRun {
  to: usize;
  stride: u32;
  ops: usize;
  opsEnd: usize;
}
export const HASH_RUN_BYTES: usize = offsetof<HashRun>();

/** Parses the slot's text to f32 at `to + row * stride`. */
@unmanaged
export class NumberOp {
  slot: Slot;
  to: usize;
  stride: u32;
  log1p: u32;
}
export const NUMBER_OP_BYTES: usize = offsetof<NumberOp>();

/** Integers below this have their buckets in a table. */
export const SMALL_NUMBERS: u32 = 4096;

/**
 * Finds the bucket of the slot's number among `missing` - 1 boundaries, f64 each, and takes its key from `keys`, u64
 * each; a missing number has the bucket `missing`. `small`: u16[SMALL_NUMBERS], the buckets of 0, 1, 2, ...
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

/** Finds consecutive buckets; keys are written to consecutive u64s at `to + row * stride`. */
@unmanaged
export class BucketRun {
  to: usize;
  stride: u32;
  ops: usize;
  opsEnd: usize;
}
export const BUCKET_RUN_BYTES: usize = offsetof<BucketRun>();

/** Hashes `count` component keys, found through the pointers at `parts`, to u64 at `to + row * stride`. */
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

/** Splits the slot's value into items, and hashes each for every cell. */
@unmanaged
export class BagOp {
  slot: Slot;
  /** The separator's bytes, the first one lowest; 1 to 8 of them. */
  separatorSize: u32;
  separator: u64;
  maxLength: u32;
  cells: usize;
  cellCount: u32;
  /** A row that has the context's items. */
  contextRow: u32;
}
export const BAG_OP_BYTES: usize = offsetof<BagOp>();

/** Parses exactly `length` numbers, and keeps `take` of them as f32 at `to + row * stride`. */
@unmanaged
export class VectorOp {
  slot: Slot;
  separatorSize: u32;
  separator: u64;
  length: u32;
  take: u32;
  to: usize;
  stride: u32;
  /** A row that has the context's numbers. */
  contextRow: u32;
  pad: u32;
}
export const VECTOR_OP_BYTES: usize = offsetof<VectorOp>();

/**
 * Counts the `count` consecutive keys at `keys + row * stride`, each in 4096 registers of its own; fields: u32 each.
 */
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

/** Counts every item of a bag. */
@unmanaged
export class DistinctBagOp {
  offsets: usize;
  keys: usize;
  field: u32;
  registers: usize;
}
export const DISTINCT_BAG_OP_BYTES: usize = offsetof<DistinctBagOp>();

/**
 * A value that was the same in all rows so far: its size (UNSEEN: no row yet), and its bytes, or their hash if there
 * are more than 8.
 */
@unmanaged
export class Watch {
  slot: Slot;
  size: u32;
  bytes: u64;
}
export const WATCH_BYTES: usize = offsetof<Watch>();
export const UNSEEN: u32 = 0xffffffff;

/** A text that a value is compared with, and its value as a number; NaN: it is not a number. */
@unmanaged
export class Word {
  number: f64;
  at: usize;
  size: u32;
}
export const WORD_BYTES: usize = offsetof<Word>();

/** The words that mark a slot's value as missing. */
@unmanaged
export class NullOp {
  slot: Slot;
  words: usize;
  wordsEnd: usize;
}
export const NULL_OP_BYTES: usize = offsetof<NullOp>();

/** The plan for a model's events. Slots that the spec does not use are null. */
@unmanaged
class Plan {
  atLeast: f64;
  /** A time times timeScale, divided by the divisor, is in milliseconds. */
  timeScale: f64;
  timeDivisor: f64;
  /** UTC offset of calendar times that do not state one, in milliseconds. */
  zone: f64;
  /**
   * Pointers to the slot of each file column (tsv, csv), padded to a multiple of four; the host changes the end when it
   * has read a header.
   */
  columns: usize;
  columnsEnd: usize;
  /**
   * Room for the addresses of delimiters and of newlines: one before them, the maximum number of columns and 1024 more.
   */
  positions: usize;
  lines: usize;

  /** The event's type, and the words of which it must be one; null: events of every type are read. */
  typeSlot: Slot | null;
  types: usize;
  typesEnd: usize;
  labelSlot: Slot | null;
  /**
   * The positive text, and its number atLeast (NaN: it is not a number). If its size is 0, a label is positive when its
   * number is >= atLeast.
   */
  positive: usize;
  positiveSize: u32;
  /** Positive labels, if there are several; none: `positive` is used. */
  positives: usize;
  positivesEnd: usize;
  weightSlot: Slot | null;
  timeSlot: Slot | null;
  /** Pointers to the slots of the id, or of the values of a composite id. */
  idSlots: usize;
  idSlotsEnd: usize;
  oracleSlot: Slot | null;
  /** 0: label, weight, time, id and true probability may be missing or invalid. */
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
  /** Null words: what makes values missing. */
  nulls: usize;
  nullsEnd: usize;
  /** The kind of a JSON string: STRING, or TEXT if numbers may be written as strings. */
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

  /** u32 list of raised registers, and its end. */
  changes: usize;
  changesEnd: usize;

  separator: u32;
  /** The quote byte of csv; the separator if nothing is quoted. */
  quote: u32;
  /** 1: spaces and tabs around values are not part of them; the separator is neither. */
  trim: u32;

  /** The root node of JSON's members, VW's namespaces, libsvm's indexes or libffm's fields. */
  root: usize;
  /** The text before VW's first bar, and before the features of libsvm (whose tag is the qid). */
  headLabel: Slot;
  headWeight: Slot;
  headTag: Slot;
  /** All features of libsvm. */
  features: Slot | null;
  /** Room for unescaped text. */
  scratch: usize;
  scratchLimit: usize;
  /**
   * Pointers to the slots whose texts are kept for the host, and the rows kept since the host took them; 0: nothing is
   * kept.
   */
  kept: usize;
  keptEnd: usize;
  keptRows: usize;
  keptRowsEnd: usize;
  /** Beyond this address no further row is kept until the host has taken the rows. */
  keptRowsLimit: usize;
  /** Where a mark is left for every row of the batch; 0: nowhere. */
  marks: usize;
}

/** The end of a row. */
@unmanaged
export class Mark {
  /** Address after it. */
  end: usize;
  /** Lines read since `setCursor`, including its own. */
  lines: u32;
  /** Number of registers raised since the host took the changes, up to this row. */
  risen: u32;
}
export const MARK_BYTES: usize = offsetof<Mark>();

/** The current plan. */
export let plan: Plan = changetype<Plan>(0);

export function setPlan(at: usize): void {
  plan = changetype<Plan>(at);
}

/** The slot that made the last row fail, null if it was not a single one. */
export let failedSlot: usize = 0;

export function setFailedSlot(at: usize): void {
  failedSlot = at;
}

/** Records the slot and returns the code. */
export function fail(slot: Slot, code: u32): u32 {
  failedSlot = changetype<usize>(slot);
  return code;
}

/**
 * Whether values of this row may be too long or of a kind that cannot be hashed; readers that exclude this clear it.
 */
export let mayFail: bool = true;

export function setMayFail(may: bool): void {
  mayFail = may;
}

/** The end of this row's unescaped text in the scratch. */
export let scratchEnd: usize = 0;

export function setScratchEnd(at: usize): void {
  scratchEnd = at;
}
