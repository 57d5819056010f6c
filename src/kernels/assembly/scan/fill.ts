// Values of binary events → slots, and slots → a row: what the binary formats have in common.
import { BLANK, MAX_VALUE, OK } from "./codes";
import { acceptRow, textsFault } from "./fields";
import {
  ARRAY,
  BINARY,
  BOOLEAN,
  MISSING,
  NUMBER,
  OBJECT,
  plan,
  scratchEnd,
  setFailedSlot,
  setMayFail,
  setScratchEnd,
  Slot,
  SLOT_BYTES,
} from "./plan";
import { MORE, pass, reject, rows } from "./rows";
import { addByte, beginText, FALSE, integerText, numberText, overflow, TRUE, textAt, wholeText } from "./written";

/** Whether a text read so far has bytes above 0x7F. */
let high: bool = false;

/** Starts an event. */
export function beginSlots(): void {
  setFailedSlot(0);
  setMayFail(false);
  beginText();
  high = false;
}

/** Makes a row from the slots. @returns a reject code */
export function rowOfSlots(): u32 {
  const why = high ? textsFault() : OK;
  return why ? why : acceptRow(rows);
}

/** Finishes the message [start, end), with `why` as its reject code (OK: a row was made). */
export function finish(why: u32, start: usize, end: usize): u32 {
  if (why != OK && why != BLANK) return reject(why, start, end, 1);
  pass(end, 1, <u32>(why == OK));
  return MORE;
}

/** Sets the kind of slots [from, to), which have no value. */
export function mark(from: usize, to: usize, kind: u32): void {
  const size: u64 = kind == MISSING ? 0 : 1;
  for (let at = from; at < to; at += SLOT_BYTES) store<u64>(at, size | ((<u64>kind) << 32), 4);
  if (kind != MISSING && from < to) setMayFail(true);
}

/** Notes whether a text has bytes above 0x7F. */
export function noteHigh(at: usize, size: u32): void {
  let p = at;
  const stop = at + size;
  for (; p + 16 <= stop && !high; p += 16) high = i8x16.bitmask(v128.load(p)) != 0;
  if (p < stop && !high) high = (i8x16.bitmask(v128.load(p)) & ((1 << (<i32>(stop - p) & 15)) - 1)) != 0;
}

@inline
export function fill(slot: Slot, at: usize, size: u32, kind: u32): void {
  slot.at = at;
  slot.size = size;
  slot.kind = kind;
}

/** Sets the slot to the text of the number last written. */
@inline
export function fillNumber(slot: Slot): void {
  fill(slot, textAt, <u32>(scratchEnd - textAt), NUMBER);
}

/** Sets the slot to a number whose text is not used. */
@inline
export function fillBinary(slot: Slot, x: f64): bool {
  const at = (scratchEnd + 7) & ~7;
  if (at + 72 > plan.scratchLimit) return overflow();
  // -0 becomes 0, as in texts.
  store<f64>(at, x + 0.0);
  setScratchEnd(at + 8);
  fill(slot, at, 8, BINARY);
  return true;
}

/** Sets the slot to a number, as text or as a number. */
@inline
export function putNumber(slot: Slot, x: f64, binary: u32): bool {
  if (binary) return fillBinary(slot, x);
  if (!numberText(x)) return false;
  fillNumber(slot);
  return true;
}

export function putInteger(slot: Slot, x: i64, binary: u32): bool {
  if (binary) return fillBinary(slot, <f64>x);
  if (!integerText(x)) return false;
  fillNumber(slot);
  return true;
}

export function putUnsigned(slot: Slot, x: u64, binary: u32): bool {
  if (binary) return fillBinary(slot, <f64>x);
  if (!wholeText(x)) return false;
  fillNumber(slot);
  return true;
}

@inline
export function putText(slot: Slot, at: usize, size: u32): void {
  if (size > MAX_VALUE) setMayFail(true);
  if (!high) noteHigh(at, size);
  fill(slot, at, size, plan.stringKind);
}

@inline
export function putBoolean(slot: Slot, x: bool): void {
  fill(slot, x ? TRUE : FALSE, x ? 4 : 5, BOOLEAN);
}

/** Starts a slot's JSON at the current end of the scratch. */
@inline
export function beginJson(slot: Slot): void {
  slot.at = scratchEnd;
}

/** Ends a slot's JSON, a list or an object. */
export function endJson(slot: Slot): bool {
  const c: u32 = load<u8>(slot.at);
  fill(slot, slot.at, <u32>(scratchEnd - slot.at), c == 91 ? ARRAY : OBJECT);
  setMayFail(true);
  // Readers of JSON load up to a vector beyond the end.
  return addByte(0);
}
