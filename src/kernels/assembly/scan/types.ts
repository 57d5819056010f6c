// What a schema says of values in binary (structs that src/decode/type-layout.ts writes), and what is read of them.
import { Slot } from "./plan";

export const NULL: u32 = 0;
export const BOOL: u32 = 1;
/** A zigzag number of up to 64 bits. */
export const INTEGER: u32 = 2;
export const FLOAT: u32 = 3;
export const DOUBLE: u32 = 4;
/** A size and so many bytes. */
export const BYTES: u32 = 5;
/** `count` bytes. */
export const FIXED: u32 = 6;
export const ENUM: u32 = 7;
export const UNION: u32 = 8;
export const LIST: u32 = 9;
export const MAP: u32 = 10;
export const RECORD: u32 = 11;
/** What else a step does than to put a value of these types into its slot: any value is passed over. */
export const PASS: u32 = 12;
/** The value is written as JSON into the slot; with `stay`, the steps behind read it again. */
export const RENDER: u32 = 13;
/** Slots from `list` to `listEnd` become of kind `count`. */
export const MARK: u32 = 14;

@unmanaged
export class Type {
  kind: u32;
  /** Of symbols, branches, fields; bytes of a fixed. */
  count: u32;
  /** Symbols or fields (struct Name), pointers to branches, or one to the type of items. */
  list: usize;
  /** 0: some values take no bytes. */
  least: u32;
  /** Integers: times in other units. A number is multiplied by the one and divided by the other. */
  times: u32;
  parts: u32;
  /** Bytes that are a decimal number: digits behind its point + 1; 0: they are text. */
  decimal: u32;
}

@unmanaged
export class Name {
  at: usize;
  size: u32;
  /** A field's or entry's. */
  type: Type;
}
export const NAME_BYTES: usize = offsetof<Name>();

/** What to do with the next value. */
@unmanaged
export class Step {
  /** A type's kind: such a value is put into the slot, or passed over where there is none. */
  code: u32;
  /** Of union branches and map entries. */
  count: u32;
  slot: Slot | null;
  type: Type;
  /** UNION: the steps of each branch (struct Part). MAP: the entries that are read (struct Entry). */
  list: usize;
  listEnd: usize;
  /** 1: only numbers are wanted of the slot, not their text. */
  number: u32;
  stay: u32;
}
export const STEP_BYTES: usize = offsetof<Step>();

@unmanaged
export class Part {
  steps: usize;
  stepsEnd: usize;
}
export const PART_BYTES: usize = offsetof<Part>();

@unmanaged
export class Entry {
  name: usize;
  size: u32;
  steps: usize;
  stepsEnd: usize;
}
export const ENTRY_BYTES: usize = offsetof<Entry>();
