// Types of binary values by a schema (structs that src/decode/type-layout.ts writes), and what is read of them.
import { Slot } from "./plan";

export const NULL: u32 = 0;
export const BOOL: u32 = 1;
/** A zigzag varint of up to 64 bits. */
export const INTEGER: u32 = 2;
export const FLOAT: u32 = 3;
export const DOUBLE: u32 = 4;
/** A size and as many bytes. */
export const BYTES: u32 = 5;
/** `count` bytes. */
export const FIXED: u32 = 6;
export const ENUM: u32 = 7;
export const UNION: u32 = 8;
export const LIST: u32 = 9;
export const MAP: u32 = 10;
export const RECORD: u32 = 11;
/** Codes of steps that do something else than put a value of a type into its slot. PASS: skip any value. */
export const PASS: u32 = 12;
/** Write the value as JSON into the slot; with `stay`, the following steps read it again. */
export const RENDER: u32 = 13;
/** Set slots from `list` to `listEnd` to kind `count`. */
export const MARK: u32 = 14;

@unmanaged
export class Type {
  kind: u32;
  /** Number of symbols, branches or fields; bytes of a fixed. */
  count: u32;
  /** Symbols or fields (struct Name), pointers to branches, or a pointer to the type of items. */
  list: usize;
  /** Minimum size in bytes; 0: some values take no bytes. */
  least: u32;
  /** Integers that are times in other units: multiplied by `times`, divided by the divisor. */
  times: u32;
  parts: u32;
  /** Bytes that are a decimal number: digits after its point + 1; 0: text. */
  decimal: u32;
}

@unmanaged
export class Name {
  at: usize;
  size: u32;
  /** Type of a field or entry. */
  type: Type;
}
export const NAME_BYTES: usize = offsetof<Name>();

/** What to do with the next value. */
@unmanaged
export class Step {
  /** A type's kind: put such a value into the slot, or skip it if there is none. */
  code: u32;
  /** Number of union branches or map entries. */
  count: u32;
  slot: Slot | null;
  type: Type;
  /** UNION: the steps of each branch (struct Part). MAP: the entries that are read (struct Entry). */
  list: usize;
  listEnd: usize;
  /** 1: only the slot's number is used, not its text. */
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
