// Walks the items of a value: separated text, a JSON array, or the features of a VW namespace.
import { OK, BAD_TYPE, BAD_UTF8, VALUE_TOO_LONG, MAX_VALUE, BAD_NUMBER, NUMBER_OUT_OF_RANGE } from "./codes";
import { escaped, skip, skipSpace, unescape } from "./json-text";
import { inRange, parseNumber } from "./number";
import { ARRAY, FEATURES, MISSING, BOOLEAN, NUMBER, SCALE_AFTER_ITEMS, STRING, TEXT, Slot, scratchEnd } from "./plan";

/** The current item: its text, kind and VW value (1 elsewhere). */
export let item: usize = 0;
export let itemSize: u32 = 0;
export let itemKind: u32 = 0;
export let itemValue: f64 = 1;
/** Whether the value was written out. */
export let itemValued: bool = false;
/** What multiplies every value of the VW namespace (1 elsewhere). */
export let itemScale: f64 = 1;

let cursor: usize = 0;
let end: usize = 0;
let kind: u32 = 0;
let separator: u64 = 0;
let separatorSize: u32 = 0;

/** Starts on a slot. @returns false when its kind has no items */
export function openItems(slot: Slot, by: u64, bySize: u32): bool {
  cursor = slot.at;
  end = slot.at + slot.size;
  kind = slot.kind;
  separator = by;
  separatorSize = bySize;
  itemValue = 1;
  itemScale = 1;
  itemValued = false;
  itemKind = TEXT;
  if (kind == FEATURES) openScale(changetype<Slot>(changetype<usize>(slot) + SCALE_AFTER_ITEMS));
  if (kind == ARRAY) cursor++;
  return kind <= FEATURES;
}

/** The reader of VW has seen that it is a number. */
function openScale(scale: Slot): void {
  if (scale.size) itemScale = parseNumber(scale.at, scale.size);
}

/** Goes to the next item; false at the end. After false, `itemsFailed` tells whether an item was bad. */
export function nextItem(): bool {
  itemsFailed = OK;
  if (kind == ARRAY) return nextElement();
  if (kind == FEATURES) return nextFeature();
  return nextPart();
}

/** Reject code of the item that ended the walk, 0 = none. */
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

/** Where the next separator begins, or the value's end. */
function findSeparator(start: usize): usize {
  if (!separatorSize) return end;
  const first = i8x16.splat(<i8>separator);
  const mask: u64 = separatorSize == 8 ? ~<u64>0 : (<u64>1 << (<u64>separatorSize << 3)) - 1;
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

/** The array is valid JSON: only nested values can be wrong. */
function nextElement(): bool {
  let p = skipSpace(cursor);
  let c: u32 = load<u8>(p);
  if (c == 44) {
    p = skipSpace(p + 1);
    c = load<u8>(p);
  }
  if (c == 93) return false;
  const next = skip(p, 1);
  cursor = next;
  if (c == 91 || c == 123) {
    itemsFailed = BAD_TYPE;
    return false;
  }
  if (c == 34) return stringElement(p + 1, next - 1);
  itemKind = c == 110 ? MISSING : c == 116 || c == 102 ? BOOLEAN : NUMBER;
  return done(p, c == 110 ? 0 : next - p);
}

function stringElement(start: usize, stop: usize): bool {
  itemKind = STRING;
  if (!escaped) return done(start, stop - start);
  const size = unescape(start, stop, scratchEnd);
  if (size == -1) {
    itemsFailed = BAD_UTF8;
    return false;
  }
  return done(scratchEnd, size);
}

@inline
function isBlank(p: usize): bool {
  const c: u32 = load<u8>(p);
  return c == 32 || c == 9;
}

function nextFeature(): bool {
  while (cursor < end && isBlank(cursor)) cursor++;
  if (cursor == end) return false;
  const start = cursor;
  let colon: usize = 0;
  for (; cursor < end && !isBlank(cursor); cursor++) {
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
