// Values that were read from binary events → slots, and slots → a row: what their formats have in common.
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

/** Whether a text that was read has bytes above 0x7F. */
let high: bool = false;

/** Begins with an event. */
export function beginSlots(): void {
  setFailedSlot(0);
  setMayFail(false);
  beginText();
  high = false;
}

/** Makes a row of the slots. @returns a reject code */
export function rowOfSlots(): u32 {
  const why = high ? textsFault() : OK;
  return why ? why : acceptRow(rows);
}

/** Ends with the message [start, end), of which a row was made, or not. */
export function finish(why: u32, start: usize, end: usize): u32 {
  if (why != OK && why != BLANK) return reject(why, start, end, 1);
  pass(end, 1, <u32>(why == OK));
  return MORE;
}

/** Slots [from, to) become of a kind without a value. */
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

/** The text of the number last written. */
@inline
export function fillNumber(slot: Slot): void {
  fill(slot, textAt, <u32>(scratchEnd - textAt), NUMBER);
}

/** A number that nobody wants the text of. */
@inline
export function fillBinary(slot: Slot, x: f64): bool {
  const at = (scratchEnd + 7) & ~7;
  if (at + 72 > plan.scratchLimit) return overflow();
  // Of both zeros the one without a sign, as in texts.
  store<f64>(at, x + 0.0);
  setScratchEnd(at + 8);
  fill(slot, at, 8, BINARY);
  return true;
}

/** A number into its slot, as a text or as it is. */
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

/** JSON that is written from here on is a slot's. */
@inline
export function beginJson(slot: Slot): void {
  slot.at = scratchEnd;
}

/** The slot's JSON, a list or an object, ends here. */
export function endJson(slot: Slot): bool {
  const c: u32 = load<u8>(slot.at);
  fill(slot, slot.at, <u32>(scratchEnd - slot.at), c == 91 ? ARRAY : OBJECT);
  setMayFail(true);
  // Readers of JSON look a vector ahead.
  return addByte(0);
}
