// Iterates over the items of a value: separated text, a JSON array or object, a row of a tensor, or the features of a
// VW namespace.
import { OK, BAD_TYPE, BAD_UTF8, VALUE_TOO_LONG, MAX_VALUE, BAD_NUMBER, NUMBER_OUT_OF_RANGE } from "./codes";
import { escaped, skip, skipNumber, skipSpace, skipString, unescape } from "./json-text";
import { inRange, parseNumber } from "./number";
import {
  ARRAY,
  FEATURES,
  FIELD_FEATURES,
  MISSING,
  BOOLEAN,
  ELEMENTS,
  NUMBER,
  OBJECT,
  SCALE_AFTER_ITEMS,
  TEXT,
  Slot,
  plan,
  scratchEnd,
} from "./plan";
import { Tensor, elementAt, elementKind, elementNumber, elementSize, readElement } from "./elements";
import { blanksEnd, find, isBlank, wordEnd } from "./words";

/** The current item: its text, kind and weight (1 if none is given). */
export let item: usize = 0;
export let itemSize: u32 = 0;
export let itemKind: u32 = 0;
export let itemValue: f64 = 1;
/** Whether the value was given explicitly. */
export let itemValued: bool = false;
/** Scale of every value of the VW namespace (1 for other formats). */
export let itemScale: f64 = 1;

let cursor: usize = 0;
let end: usize = 0;
let kind: u32 = 0;
let separator: u64 = 0;
let separatorSize: u32 = 0;
/** Items may also have weights in JSON: ["a", 3] in an array, or the members of an object. */
let weighted: bool = false;
/** The name of a libffm field, with the colon. */
let prefix: usize = 0;
let prefixSize: usize = 0;

/** Remaining elements of a tensor's row. */
let left: u32 = 0;
let elementType: u32 = 0;
let numbersOnly: bool = false;

/** Starts iterating over a slot. @returns false if its kind has no items */
export function openItems(slot: Slot, by: u64, bySize: u32, weights: bool): bool {
  cursor = slot.at;
  end = slot.at + slot.size;
  kind = slot.kind;
  separator = by;
  separatorSize = bySize;
  itemValue = 1;
  itemScale = 1;
  itemValued = false;
  itemKind = TEXT;
  if (kind == ELEMENTS) openElements(slot);
  if (kind == FIELD_FEATURES) openField(slot.at);
  if (kind == FEATURES) openScale(changetype<Slot>(changetype<usize>(slot) + SCALE_AFTER_ITEMS));
  weighted = weights;
  if (kind == ARRAY || kind == OBJECT) cursor++;
  return kind <= FEATURES || kind == FIELD_FEATURES || kind == ELEMENTS || (kind == OBJECT && weights);
}

function openElements(slot: Slot): void {
  const tensor = changetype<Tensor>(slot.at);
  cursor = tensor.at;
  left = slot.size;
  elementType = tensor.element;
  numbersOnly = tensor.number != 0;
}

function nextTensorElement(): bool {
  if (!left--) return false;
  cursor = readElement(elementType, cursor, numbersOnly);
  if (!cursor) return failed(BAD_TYPE);
  itemValued = numbersOnly;
  itemKind = numbersOnly ? NUMBER : elementKind;
  if (numbersOnly) itemValue = elementNumber;
  return done(elementAt, numbersOnly ? 0 : elementSize);
}

/** The field's name is in its first word. */
function openField(at: usize): void {
  prefix = at;
  prefixSize = find(at, end, 58) + 1 - at;
}

/** The VW reader has checked that it is a number. */
function openScale(scale: Slot): void {
  if (scale.size) itemScale = parseNumber(scale.at, scale.size);
}

/** Advances to the next item; false at the end, with `itemsFailed` set if an item was invalid. */
export function nextItem(): bool {
  itemsFailed = OK;
  if (kind == ARRAY) return nextElement();
  if (kind == OBJECT) return nextMember();
  if (kind == ELEMENTS) return nextTensorElement();
  if (kind == FEATURES) return nextFeature();
  if (kind == FIELD_FEATURES) return nextOfField();
  return nextPart();
}

/** Reject code of the item that ended the iteration, 0: none. */
export let itemsFailed: u32 = OK;

@inline
function done(at: usize, size: usize): bool {
  item = at;
  itemSize = <u32>size;
  if (itemSize <= MAX_VALUE) return true;
  itemsFailed = VALUE_TOO_LONG;
  return false;
}

function nextPart(): bool {
  if (cursor > end) return false;
  const start = cursor;
  const next = findSeparator(start);
  cursor = next + max<u32>(separatorSize, 1);
  return done(start, next - start);
}

/** Address of the next separator, or of the value's end. */
function findSeparator(start: usize): usize {
  if (!separatorSize) return end;
  const first = i8x16.splat(<i8>separator);
  const mask: u64 = separatorSize == 8 ? ~(<u64>0) : ((<u64>1) << ((<u64>separatorSize) << 3)) - 1;
  for (let block = start; block < end; block += 16) {
    let found = i8x16.bitmask(i8x16.eq(v128.load(block), first));
    while (found) {
      const at = block + <usize>ctz(found);
      if (at + separatorSize > end) return end;
      if ((load<u64>(at) & mask) == separator) return at;
      found &= found - 1;
    }
  }
  return end;
}

/** Address of the next element or member of valid JSON, or of the closing bracket. */
@inline
function nextPlace(): usize {
  const p = skipSpace(cursor);
  return load<u8>(p) == 44 ? skipSpace(p + 1) : p;
}

function failed(code: u32): bool {
  itemsFailed = code;
  return false;
}

/** Reads `"text": weight`. */
function nextMember(): bool {
  const p = nextPlace();
  if (load<u8>(p) == 125) return false;
  const stop = skipString(p + 1);
  const hasEscapes = escaped;
  cursor = weight(skipSpace(skipSpace(stop) + 1));
  return cursor ? stringElement(p + 1, stop - 1, hasEscapes) : false;
}

/** Reads `[item, weight]`. @param at right after the opening bracket */
function pair(at: usize): bool {
  const p = skipSpace(at);
  const c: u32 = load<u8>(p);
  if (c == 93 || c == 91 || c == 123) return failed(BAD_TYPE);
  const stop = skip(p, 1);
  const hasEscapes = escaped;
  const comma = skipSpace(stop);
  if (load<u8>(comma) != 44) return failed(BAD_TYPE);
  const end = weight(skipSpace(comma + 1));
  if (!end) return false;
  return load<u8>(skipSpace(end)) == 93 ? element(p, stop, hasEscapes) : failed(BAD_TYPE);
}

/** Reads the item's weight. @returns the address after it; 0 if it is invalid */
function weight(at: usize): usize {
  const c: u32 = load<u8>(at);
  const end = c == 45 || c - 48 < 10 ? skipNumber(at) : 0;
  if (!end) failed(BAD_TYPE);
  else if (end - at > MAX_VALUE) failed(VALUE_TOO_LONG);
  else {
    itemValue = parseNumber(at, <u32>(end - at));
    if (isFinite(itemValue)) return end;
    failed(NUMBER_OUT_OF_RANGE);
  }
  return 0;
}

/** Reads the next element. The array is known to be valid JSON; only nested values are rejected. */
function nextElement(): bool {
  const p = nextPlace();
  const c: u32 = load<u8>(p);
  if (c == 93) return false;
  const next = skip(p, 1);
  cursor = next;
  itemValue = 1;
  if (c == 91 && weighted) return pair(p + 1);
  return c == 91 || c == 123 ? failed(BAD_TYPE) : element(p, next, escaped);
}

/** Reads a string, number, boolean or null, [p, end). */
@inline
function element(p: usize, end: usize, hasEscapes: bool): bool {
  const c: u32 = load<u8>(p);
  if (c == 34) return stringElement(p + 1, end - 1, hasEscapes);
  itemKind = c == 110 ? MISSING : c == 116 || c == 102 ? BOOLEAN : NUMBER;
  return done(p, c == 110 ? 0 : end - p);
}

function stringElement(start: usize, stop: usize, hasEscapes: bool): bool {
  itemKind = plan.stringKind;
  if (!hasEscapes) return done(start, stop - start);
  const size = unescape(start, stop, scratchEnd);
  return size == -1 ? failed(BAD_UTF8) : done(scratchEnd, size);
}

/** Advances to the next word of the field, and skips its name. */
function nextOfField(): bool {
  while (cursor < end) {
    cursor = blanksEnd(cursor, end);
    if (cursor + prefixSize <= end && memory.compare(cursor, prefix, prefixSize) == 0) {
      cursor += prefixSize;
      return nextFeature();
    }
    cursor = wordEnd(cursor, end);
  }
  return false;
}

function nextFeature(): bool {
  cursor = blanksEnd(cursor, end);
  if (cursor == end) return false;
  const start = cursor;
  let colon: usize = 0;
  for (; cursor < end && !isBlank(load<u8>(cursor)); cursor++) {
    if (load<u8>(cursor) == 58 && !colon) colon = cursor;
  }
  itemValue = itemScale;
  itemValued = colon != 0;
  if (!colon) return done(start, cursor - start);
  const size = <u32>(cursor - colon - 1);
  if (size > MAX_VALUE) {
    itemsFailed = VALUE_TOO_LONG;
    return false;
  }
  itemValue = size ? inRange(parseNumber(colon + 1, size) * itemScale) : NaN;
  if (isFinite(itemValue)) return done(start, colon - start);
  itemsFailed = isNaN(itemValue) ? BAD_NUMBER : NUMBER_OUT_OF_RANGE;
  return false;
}
