// Interpretation of a slot's value: a word, a number, a boolean, or a reject code.
import { BAD_TYPE, BAD_UTF8, MAX_VALUE, OK, VALUE_TOO_LONG } from "./codes";
import { inRange, parseNumber } from "./number";
import { BINARY, LONE_SURROGATE, NUMBER, SCALED, SCALE_AFTER, WORD_BYTES, Word, STRING, Slot } from "./plan";

/** Whether two texts of this size are equal; branch-free, since labels are unpredictable. */
@inline
export function sameText(a: usize, b: usize, size: u32): bool {
  if (size > 8) return memory.compare(a, b, size) == 0;
  return (load<u64>(a) ^ load<u64>(b)) << (64 - ((<u64>size) << 3)) == 0;
}

/** Whether the slot's text is one of the words, or its number that of one of them. */
export function findWord(slot: Slot, words: usize, end: usize, number: f64): bool {
  const size = slot.size;
  for (let at = words; at < end; at += WORD_BYTES) {
    const word = changetype<Word>(at);
    if ((word.size == size && sameText(slot.at, word.at, size)) || word.number == number) return true;
  }
  return false;
}

/** Reject code of a value that cannot be hashed, 0 if it can. */
@inline
export function textFault(slot: Slot): u32 {
  if (slot.kind > STRING) return slot.kind == LONE_SURROGATE ? BAD_UTF8 : BAD_TYPE;
  return slot.size > MAX_VALUE ? VALUE_TOO_LONG : OK;
}

/** Reject code of a present value that cannot be parsed as a number, 0 if it may be. */
@inline
export function numberFault(slot: Slot): u32 {
  if (slot.kind > NUMBER && slot.kind != SCALED && slot.kind != BINARY) return BAD_TYPE;
  return slot.size > MAX_VALUE ? VALUE_TOO_LONG : OK;
}

/** The number of the slot's text, as parseNumber returns it. */
export function numberOf(slot: Slot): f64 {
  if (slot.kind == BINARY) return isNaN(load<f64>(slot.at)) ? Infinity : inRange(load<f64>(slot.at));
  const x = parseNumber(slot.at, slot.size);
  if (slot.kind != SCALED) return x;
  const scale = changetype<Slot>(changetype<usize>(slot) + SCALE_AFTER);
  return inRange(x * parseNumber(scale.at, scale.size));
}

/**
 * The slot's number; NaN if missing or not a number, Infinity if out of range. For label, weight and time, which have
 * reject codes of their own.
 */
export function plainNumber(slot: Slot): f64 {
  return slot.size == 0 || numberFault(slot) ? NaN : numberOf(slot);
}

/** 1 for `true`, 0 for `false`, in any case; else the number. */
export function truthOr(slot: Slot): f64 {
  const x = parseNumber(slot.at, slot.size);
  if (!isNaN(x)) return x;
  const text = load<u64>(slot.at) | 0x2020202020202020;
  if (slot.size == 4 && <u32>text == 0x65757274) return 1;
  return slot.size == 5 && (text & 0xffffffffff) == 0x65736c6166 ? 0 : NaN;
}
