// Avro's binary encoding → slots, by the steps that the host made of a writer's schema: no value becomes an object. Every function takes
// the address where its part begins and returns the address after it, 0 where the bytes are not what the schema says.
import { BAD_AVRO, MAX_DEPTH, MAX_ROW, MAX_VALUE, OK, ROW_TOO_LONG } from "./codes";
import { acceptRow, textsFault } from "./fields";
import {
  ARRAY,
  BINARY,
  BOOLEAN,
  MISSING,
  NUMBER,
  OBJECT,
  SLOT_BYTES,
  Slot,
  plan,
  scratchEnd,
  setFailedSlot,
  setMayFail,
  setScratchEnd,
} from "./plan";
import { MORE, pass, reject, rows } from "./rows";
import {
  BOOL,
  BYTES,
  DOUBLE,
  ENTRY_BYTES,
  ENUM,
  Entry,
  FIXED,
  FLOAT,
  INTEGER,
  LIST,
  MAP,
  MARK,
  NAME_BYTES,
  NULL,
  Name,
  PART_BYTES,
  PASS,
  Part,
  RECORD,
  RENDER,
  STEP_BYTES,
  Step,
  Type,
  UNION,
} from "./types";
import {
  add,
  addBoolean,
  addByte,
  addInteger,
  addNull,
  addNumber,
  addString,
  beginText,
  fixedPointText,
  integerText,
  numberText,
  overflowed,
  pack,
  textAt,
} from "./written";

/** Where the bytes end. */
let end: usize = 0;
/** Whether the last failure is one of bytes that have not come yet. */
let ranOut: bool = false;
/** Whether a text that is read has bytes above 0x7F. */
let high: bool = false;
/** The number last read. */
let integer: i64 = 0;
let float: f64 = 0;
/** The text last read: from here on, so many bytes. */
let text: usize = 0;
let textSize: u32 = 0;

const TRUE: usize = memory.data<u8>([116, 114, 117, 101, 0, 0, 0, 0]);
const FALSE: usize = memory.data<u8>([102, 97, 108, 115, 101, 0, 0, 0]);

@inline
function short(): usize {
  ranOut = true;
  return 0;
}

@inline
function varint(p: usize): usize {
  if (p >= end) return short();
  const byte: u32 = load<u8>(p);
  if (byte < 0x80) {
    integer = <i64>(byte >> 1) ^ -(<i64>(byte & 1));
    return p + 1;
  }
  return longVarint(p);
}

function longVarint(at: usize): usize {
  let value: u64 = 0;
  let shift: u64 = 0;
  let p = at;
  while (p < end) {
    const byte: u64 = load<u8>(p++);
    if (shift == 63 && byte > 1) return 0;
    value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) {
      integer = <i64>(value >> 1) ^ -(<i64>(value & 1));
      return p;
    }
  }
  return short();
}

/** Passes over `size` bytes. */
@inline
function over(p: usize, size: i64): usize {
  if (<u64>size <= <u64>(end - p)) return p + <usize>size;
  return <u64>size <= <u64>MAX_ROW ? short() : 0;
}

/** A size, and so many bytes. */
@inline
function sized(at: usize): usize {
  const p = varint(at);
  if (!p) return 0;
  text = p;
  textSize = <u32>integer;
  return over(p, integer);
}

@inline
function floating(p: usize, single: bool): usize {
  const next = over(p, single ? 4 : 8);
  if (next) float = single ? <f64>load<f32>(p) : load<f64>(p);
  return next;
}

@inline
function boolean(p: usize): usize {
  if (p >= end) return short();
  const byte: u32 = load<u8>(p);
  integer = byte;
  return byte > 1 ? 0 : p + 1;
}

/** A union's branch or an enum's symbol. */
@inline
function choice(at: usize, count: u32): usize {
  const p = varint(at);
  return p && <u64>integer < <u64>count ? p : 0;
}

/** How many items follow, the size of a block being passed over: `integer`. */
function block(at: usize): usize {
  let p = varint(at);
  if (!p || integer >= 0) return p;
  const count = 0 - integer;
  p = varint(p);
  integer = count;
  return count > 0 ? p : 0;
}

/** Passes over a value. @param depth of values around it */
function skip(at: usize, type: Type, depth: u32): usize {
  switch (type.kind) {
    case NULL:
      return at;
    case BOOL:
      return boolean(at);
    case INTEGER:
      return varint(at);
    case FLOAT:
      return over(at, 4);
    case DOUBLE:
      return over(at, 8);
    case BYTES:
      return sized(at);
    case FIXED:
      return over(at, type.count);
    case ENUM:
      return choice(at, type.count);
  }
  if (depth >= MAX_DEPTH) return 0;
  if (type.kind == UNION) {
    const p = choice(at, type.count);
    return p ? skip(p, branchOf(type), depth + 1) : 0;
  }
  return type.kind == RECORD ? skipRecord(at, type, depth + 1) : skipItems(at, type, depth + 1);
}

@inline
function branchOf(type: Type): Type {
  return load<Type>(type.list + ((<usize>integer) << 2));
}

function skipRecord(at: usize, type: Type, depth: u32): usize {
  let p = at;
  const stop = type.list + <usize>type.count * NAME_BYTES;
  for (let field = type.list; field < stop && p; field += NAME_BYTES) p = skip(p, changetype<Name>(field).type, depth);
  return p;
}

function skipItems(at: usize, type: Type, depth: u32): usize {
  const items = load<Type>(type.list);
  const keyed = type.kind == MAP;
  let p = at;
  while (true) {
    const negative = p < end && (load<u8>(p) & 1) != 0;
    p = varint(p);
    if (!p || integer == 0) return p;
    let count = integer;
    if (negative) {
      // The block's size is told: it is passed over as a whole.
      p = varint(p);
      if (p) p = over(p, integer);
      if (!p) return 0;
      continue;
    }
    if (!keyed && !items.least) continue;
    for (; count > 0; count--) {
      if (keyed) p = sized(p);
      if (p) p = skip(p, items, depth);
      if (!p) return 0;
    }
  }
}

/** Writes a value as JSON. */
function render(at: usize, type: Type, depth: u32): usize {
  let p: usize = 0;
  switch (type.kind) {
    case NULL:
      return addNull() ? at : 0;
    case BOOL:
      p = boolean(at);
      return p && addBoolean(integer != 0) ? p : 0;
    case INTEGER:
      p = varint(at);
      if (!p) return 0;
      return (type.parts ? addNumber(timeOf(type)) : addInteger(integer)) ? p : 0;
    case FLOAT:
    case DOUBLE:
      p = floating(at, type.kind == FLOAT);
      return p && addNumber(float) ? p : 0;
    case BYTES:
    case FIXED:
      p = bytes(at, type);
      return p && renderBytes(type) ? p : 0;
    case ENUM:
      p = choice(at, type.count);
      if (!p) return 0;
      symbol(type);
      return addString(text, textSize) ? p : 0;
  }
  if (depth >= MAX_DEPTH) return 0;
  if (type.kind == UNION) {
    p = choice(at, type.count);
    return p ? render(p, branchOf(type), depth + 1) : 0;
  }
  return type.kind == RECORD ? renderRecord(at, type, depth + 1) : renderItems(at, type, depth + 1);
}

@inline
function bytes(at: usize, type: Type): usize {
  if (type.kind == BYTES) return sized(at);
  text = at;
  textSize = type.count;
  return over(at, type.count);
}

@inline
function symbol(type: Type): void {
  const name = changetype<Name>(type.list + <usize>integer * NAME_BYTES);
  text = name.at;
  textSize = name.size;
}

/** The text last read, as JSON. */
function renderBytes(type: Type): bool {
  const from = scratchEnd;
  if (type.decimal) return decimal(type) ? pack(from) : addNull();
  noteHigh();
  return addString(text, textSize);
}

/** Milliseconds of the integer last read. */
@inline
function timeOf(type: Type): f64 {
  return (<f64>integer * <f64>type.times) / <f64>type.parts;
}

/** Writes the number that the bytes last read are. @returns false where it has more than 64 bits */
function decimal(type: Type): bool {
  // All ones where the first bit is one.
  const sign = textSize ? <u64>(<i64>load<i8>(text) >> 63) : 0;
  let value = sign;
  for (let i: u32 = 0; i < textSize; i++) {
    if (i + 8 < textSize && load<u8>(text + i) != <u8>sign) return false;
    value = (value << 8) | load<u8>(text + i);
  }
  if (textSize > 8 && <i64>(value ^ sign) < 0) return false;
  return fixedPointText(<i64>value, type.decimal - 1);
}

/** Notes whether the text last read has bytes above 0x7F. */
function noteHigh(): void {
  let p = text;
  const stop = text + textSize;
  for (; p + 16 <= stop && !high; p += 16) high = i8x16.bitmask(v128.load(p)) != 0;
  if (p < stop && !high) high = (i8x16.bitmask(v128.load(p)) & ((1 << (<i32>(stop - p) & 15)) - 1)) != 0;
}

function renderRecord(at: usize, type: Type, depth: u32): usize {
  if (!addByte(123)) return 0;
  let p = at;
  const stop = type.list + <usize>type.count * NAME_BYTES;
  for (let field = type.list; field < stop; field += NAME_BYTES) {
    const name = changetype<Name>(field);
    if (field > type.list && !addByte(44)) return 0;
    if (!addString(name.at, name.size) || !addByte(58)) return 0;
    p = render(p, name.type, depth);
    if (!p) return 0;
  }
  return addByte(125) ? p : 0;
}

function renderItems(at: usize, type: Type, depth: u32): usize {
  const items = load<Type>(type.list);
  const keyed = type.kind == MAP;
  if (!addByte(keyed ? 123 : 91)) return 0;
  let p = at;
  let first = true;
  while (true) {
    p = block(p);
    if (!p) return 0;
    let count = integer;
    if (count == 0) return addByte(keyed ? 125 : 93) ? p : 0;
    for (; count > 0; count--) {
      if (!first && !addByte(44)) return 0;
      first = false;
      if (keyed) {
        p = sized(p);
        if (!p) return 0;
        noteHigh();
        if (!addString(text, textSize) || !addByte(58)) return 0;
      }
      p = render(p, items, depth);
      if (!p) return 0;
    }
  }
}

@inline
function fill(slot: Slot, at: usize, size: u32, kind: u32): void {
  slot.at = at;
  slot.size = size;
  slot.kind = kind;
}

/** The text of the number last written. */
@inline
function fillNumber(slot: Slot): void {
  fill(slot, textAt, <u32>(scratchEnd - textAt), NUMBER);
}

/** A number that nobody wants the text of. */
@inline
function fillBinary(slot: Slot, x: f64): bool {
  const at = (scratchEnd + 7) & ~7;
  if (at + 72 > plan.scratchLimit) return false;
  store<f64>(at, x);
  setScratchEnd(at + 8);
  fill(slot, at, 8, BINARY);
  return true;
}

/** A number into its slot, as a text or as it is. */
@inline
function putNumber(slot: Slot, x: f64, binary: u32): bool {
  if (binary) return fillBinary(slot, x);
  if (!numberText(x)) return false;
  fillNumber(slot);
  return true;
}

function putInteger(slot: Slot, type: Type, binary: u32): bool {
  if (type.parts) return putNumber(slot, timeOf(type), binary);
  if (binary) return fillBinary(slot, <f64>integer);
  if (!integerText(integer)) return false;
  fillNumber(slot);
  return true;
}

@inline
function putText(slot: Slot): void {
  if (textSize > MAX_VALUE) setMayFail(true);
  if (!high) noteHigh();
  fill(slot, text, textSize, plan.stringKind);
}

function putBytes(slot: Slot, type: Type): bool {
  if (!type.decimal) {
    putText(slot);
    return true;
  }
  // What has too many digits is no number, and is told as it is.
  if (decimal(type)) fillNumber(slot);
  else putText(slot);
  return !overflowed;
}

/** Writes a value into a slot as JSON. */
function renderTo(slot: Slot, at: usize, type: Type): usize {
  const from = scratchEnd;
  const p = render(at, type, 0);
  if (!p) return 0;
  const c: u32 = load<u8>(from);
  fill(slot, from, <u32>(scratchEnd - from), c == 91 ? ARRAY : OBJECT);
  setMayFail(true);
  // Readers of JSON look a vector ahead.
  return hasTail() ? p : 0;
}

function hasTail(): bool {
  return addByte(0);
}

function mark(step: Step): void {
  for (let at = step.list; at < step.listEnd; at += SLOT_BYTES) {
    const kind = step.count;
    fill(changetype<Slot>(at), plan.scratch, kind == MISSING ? 0 : 1, kind);
    if (kind != MISSING) setMayFail(true);
  }
}

/** Reads values as the steps say. */
function run(from: usize, steps: usize, stepsEnd: usize): usize {
  let p = from;
  for (let at = steps; at < stepsEnd; at += STEP_BYTES) {
    const step = changetype<Step>(at);
    const slot = step.slot;
    switch (step.code) {
      case INTEGER:
        p = varint(p);
        if (p && slot && !putInteger(slot, step.type, step.number)) return 0;
        break;
      case BYTES:
      case FIXED:
        p = bytes(p, step.type);
        if (p && slot && !putBytes(slot, step.type)) return 0;
        break;
      case UNION:
        p = choice(p, step.count);
        if (p) {
          const part = changetype<Part>(step.list + <usize>integer * PART_BYTES);
          if (part.steps != part.stepsEnd) p = run(p, part.steps, part.stepsEnd);
        }
        break;
      case FLOAT:
      case DOUBLE:
        p = floating(p, step.code == FLOAT);
        if (p && slot && !putNumber(slot, float, step.number)) return 0;
        break;
      case BOOL:
        p = boolean(p);
        if (p && slot) fill(slot, integer ? TRUE : FALSE, integer ? 4 : 5, BOOLEAN);
        break;
      case ENUM:
        p = choice(p, step.count);
        if (p && slot) {
          symbol(step.type);
          fill(slot, text, textSize, plan.stringKind);
        }
        break;
      case PASS:
        p = skip(p, step.type, 0);
        break;
      case RENDER: {
        const next = renderTo(slot!, p, step.type);
        if (!next) return 0;
        if (!step.stay) p = next;
        break;
      }
      case MARK:
        mark(step);
        break;
      case MAP:
        p = entries(p, step);
        break;
    }
    if (!p) return 0;
  }
  return p;
}

/** Reads the entries of a map that are wanted. */
function entries(at: usize, step: Step): usize {
  const items = load<Type>(step.type.list);
  let p = at;
  while (true) {
    p = block(p);
    if (!p || integer == 0) return p;
    for (let count = integer; count > 0; count--) {
      p = sized(p);
      if (!p) return 0;
      const entry = entryOf(step);
      p = entry ? run(p, entry.steps, entry.stepsEnd) : skip(p, items, 0);
      if (!p) return 0;
    }
  }
}

/** The entry whose name was just read, if it is wanted. */
function entryOf(step: Step): Entry | null {
  for (let at = step.list; at < step.listEnd; at += ENTRY_BYTES) {
    const entry = changetype<Entry>(at);
    if (entry.size == textSize && memory.compare(entry.name, text, textSize) == 0) return entry;
  }
  return null;
}

/** Reads a record into the slots. */
function readRecord(start: usize, stop: usize, steps: usize, stepsEnd: usize): usize {
  const last = plan.slotsEnd;
  for (let at = plan.slots; at < last; at += SLOT_BYTES) store<u64>(at, <u64>MISSING, 4);
  setFailedSlot(0);
  setMayFail(false);
  beginText();
  end = stop;
  ranOut = false;
  high = false;
  return run(start, steps, stepsEnd);
}

/** Makes a row of the slots. @returns a reject code */
function rowOf(): u32 {
  const why = high ? textsFault() : OK;
  return why ? why : acceptRow(rows);
}

/** One message [start, end) whose bytes from `body` on are one record, written by the schema that the steps were made of. */
export function scanAvro(start: usize, body: usize, stop: usize, steps: usize, stepsEnd: usize): u32 {
  const p = readRecord(body, stop, steps, stepsEnd);
  const why = p == stop ? rowOf() : overflowed ? ROW_TOO_LONG : BAD_AVRO;
  if (why) return reject(why, start, stop, 1);
  pass(stop, 1, 1);
  return MORE;
}
