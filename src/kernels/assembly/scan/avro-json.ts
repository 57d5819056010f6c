// Values in Avro's binary encoding → JSON at the end of the scratch. As in avro-values.ts, every function returns the
// address after what it read.
import {
  block,
  boolean,
  branchOf,
  bytes,
  choice,
  decimal,
  float,
  floating,
  integer,
  sized,
  symbol,
  text,
  textSize,
  timeOf,
  varint,
} from "./avro-values";
import { MAX_DEPTH } from "./codes";
import { noteHigh } from "./fill";
import { scratchEnd } from "./plan";
import {
  BOOL,
  BYTES,
  DOUBLE,
  ENUM,
  FIXED,
  FLOAT,
  INTEGER,
  LIST,
  Name,
  NAME_BYTES,
  NULL,
  RECORD,
  Type,
  UNION,
} from "./types";
import { addBoolean, addByte, addInteger, addNull, addNumber, addString, pack } from "./written";

/** Writes a value as JSON. */
export function render(at: usize, type: Type, depth: u32): usize {
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

/** Writes the text last read as JSON. */
function renderBytes(type: Type): bool {
  const from = scratchEnd;
  if (type.decimal) return decimal(type) ? pack(from) : addNull();
  noteHigh(text, textSize);
  return addString(text, textSize);
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
  const keyed = type.kind != LIST;
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
        noteHigh(text, textSize);
        if (!addString(text, textSize) || !addByte(58)) return 0;
      }
      p = render(p, items, depth);
      if (!p) return 0;
    }
  }
}
