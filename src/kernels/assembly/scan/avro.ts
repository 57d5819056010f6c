// Avro's binary encoding → slots, by the steps that the host compiled from a writer's schema: no objects are created.
// Every function takes the address at which a value begins and returns the address after it, 0 if the bytes do not
// match the schema.
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
  integer,
  over,
  sized,
  symbol,
  text,
  textSize,
  timeOf,
  varint,
} from "./avro-values";
import { BAD_AVRO, MAX_DEPTH, ROW_TOO_LONG } from "./codes";
import {
  beginJson,
  beginSlots,
  endJson,
  fill,
  fillNumber,
  finish,
  mark,
  putBoolean,
  putInteger,
  putNumber,
  putText,
  rowOfSlots,
} from "./fill";
import { MISSING, plan, Slot } from "./plan";
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
import { overflowed } from "./written";

/** Skips a value. @param depth of enclosing values */
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
      // The block has a size, so it is skipped as a whole.
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

function putTyped(slot: Slot, type: Type, binary: u32): bool {
  return type.parts ? putNumber(slot, timeOf(type), binary) : putInteger(slot, integer, binary);
}

function putBytes(slot: Slot, type: Type): bool {
  if (!type.decimal) {
    putText(slot, text, textSize);
    return true;
  }
  // A decimal with too many digits is not converted: its bytes are used as text.
  if (decimal(type)) fillNumber(slot);
  else putText(slot, text, textSize);
  return !overflowed;
}

/** Writes a value into a slot as JSON. */
function renderTo(slot: Slot, at: usize, type: Type): usize {
  beginJson(slot);
  const p = render(at, type, 0);
  return p && endJson(slot) ? p : 0;
}

/** Reads values by the steps. */
function run(from: usize, steps: usize, stepsEnd: usize): usize {
  let p = from;
  for (let at = steps; at < stepsEnd; at += STEP_BYTES) {
    const step = changetype<Step>(at);
    const slot = step.slot;
    switch (step.code) {
      case INTEGER:
        p = varint(p);
        if (p && slot && !putTyped(slot, step.type, step.number)) return 0;
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
        if (p && slot) putBoolean(slot, integer != 0);
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
        mark(step.list, step.listEnd, step.count);
        break;
      case MAP:
        p = entries(p, step);
        break;
    }
    if (!p) return 0;
  }
  return p;
}

/** Reads the entries of a map that are used. */
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

/** The entry whose name was just read, if it is used. */
function entryOf(step: Step): Entry | null {
  for (let at = step.list; at < step.listEnd; at += ENTRY_BYTES) {
    const entry = changetype<Entry>(at);
    if (entry.size == textSize && memory.compare(entry.name, text, textSize) == 0) return entry;
  }
  return null;
}

/** Reads a record into the slots. */
function readRecord(start: usize, stop: usize, steps: usize, stepsEnd: usize): usize {
  beginSlots();
  mark(plan.slots, plan.slotsEnd, MISSING);
  beginValues(stop);
  return run(start, steps, stepsEnd);
}

/** Reads one message [start, end) with one record in the bytes from `body` on, written with the schema of the steps. */
export function scanAvro(start: usize, body: usize, stop: usize, steps: usize, stepsEnd: usize): u32 {
  const p = readRecord(body, stop, steps, stepsEnd);
  const why = p == stop ? rowOfSlots() : overflowed ? ROW_TOO_LONG : BAD_AVRO;
  return finish(why, start, stop);
}
