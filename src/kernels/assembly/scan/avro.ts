// Avro's binary encoding → slots, by the steps that the host made of a writer's schema: no value becomes an object. Every function takes
// the address where its part begins and returns the address after it, 0 where the bytes are not what the schema says.
import { render } from "./avro-json";
import {
  beginValues,
  block,
  boolean,
  branchOf,
  bytes,
  choice,
  decimal,
  float,
  floating,
  high,
  integer,
  noteHigh,
  over,
  sized,
  symbol,
  text,
  textSize,
  timeOf,
  varint,
} from "./avro-values";
import { BAD_AVRO, BLANK, MAX_DEPTH, MAX_VALUE, OK, ROW_TOO_LONG } from "./codes";
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
import {
  BOOL,
  BYTES,
  DOUBLE,
  Entry,
  ENTRY_BYTES,
  ENUM,
  FIXED,
  FLOAT,
  INTEGER,
  LIST,
  MAP,
  MARK,
  Name,
  NAME_BYTES,
  NULL,
  Part,
  PART_BYTES,
  PASS,
  RECORD,
  RENDER,
  Step,
  STEP_BYTES,
  Type,
  UNION,
} from "./types";
import { addByte, beginText, integerText, numberText, overflowed, textAt } from "./written";

const TRUE: usize = memory.data<u8>([116, 114, 117, 101, 0, 0, 0, 0]);
const FALSE: usize = memory.data<u8>([102, 97, 108, 115, 101, 0, 0, 0]);

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

function skipRecord(at: usize, type: Type, depth: u32): usize {
  let p = at;
  const stop = type.list + <usize>type.count * NAME_BYTES;
  for (let field = type.list; field < stop && p; field += NAME_BYTES) p = skip(p, changetype<Name>(field).type, depth);
  return p;
}

function skipItems(at: usize, type: Type, depth: u32): usize {
  const items = load<Type>(type.list);
  const keyed = type.kind != LIST;
  let p = at;
  while (true) {
    p = varint(p);
    if (!p || integer == 0) return p;
    if (integer < 0) {
      // The block's size is told: it is passed over as a whole.
      p = varint(p);
      if (p) p = over(p, integer);
      if (!p) return 0;
      continue;
    }
    if (!keyed && !items.least) continue;
    for (let count = integer; count > 0; count--) {
      if (keyed) p = sized(p);
      if (p) p = skip(p, items, depth);
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
  beginValues(stop);
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
  if (why != OK && why != BLANK) return reject(why, start, stop, 1);
  pass(stop, 1, <u32>(why == OK));
  return MORE;
}
