// Protobuf messages → JSON at the end of the scratch. Fields come in any order and may be repeated, so each one is
// searched for: the last one counts, and the parts of a message are merged.
import { noteHigh } from "./fill";
import { scratchEnd } from "./plan";
import {
  PB_BOOL,
  PB_DOUBLE,
  PB_ENUM,
  PB_FIXED64,
  PB_FLOAT,
  PB_LIST,
  PB_MAP,
  PB_MESSAGE,
  PB_ONE,
  PB_STRING,
  PB_TIME,
  PB_UINT64,
  LEN,
  ProtoMember,
  PROTO_MEMBER_BYTES,
  ProtoType,
} from "./proto-plan";
import {
  float,
  forgetGathered,
  gather,
  gathered,
  MAX_MESSAGES,
  number,
  payload,
  scalar,
  setTag,
  sized,
  skipValue,
  symbol,
  tag,
  text,
  textSize,
  timestamp,
  whole,
  wire,
  wrapped,
} from "./proto-values";
import { add, addBoolean, addByte, addInteger, addNumber, addString, addUnsigned } from "./written";

@inline
function memberAt(type: ProtoType, i: u32): ProtoMember {
  return changetype<ProtoMember>(type.list + <usize>i * PROTO_MEMBER_BYTES);
}

/** Writes a comma unless at the start of a list or an object. */
export function addComma(): bool {
  const last: u32 = load<u8>(scratchEnd - 1);
  return last == 91 || last == 123 || addByte(44);
}

/** Whether values of a kind can be packed (consecutive after one tag). */
@inline
function packs(kind: u32): bool {
  return kind < PB_STRING;
}

/** Whether the tag last read is that of a packed field. */
@inline
export function fits(isWire: u32, many: u32, kind: u32): bool {
  return wire == isWire || (wire == LEN && many == PB_LIST && packs(kind));
}

/** Whether the scalar last read is to be ignored: a number of a closed enum without a symbol. */
@inline
export function isUnknown(type: ProtoType): bool {
  return type.kind == PB_ENUM && type.closed != 0 && !symbol(type);
}

/** Writes the scalar last read. */
function addScalar(type: ProtoType, kind: u32): bool {
  switch (kind) {
    case PB_FLOAT:
    case PB_DOUBLE:
      return addNumber(float);
    case PB_BOOL:
      return addBoolean(whole != 0);
    case PB_UINT64:
    case PB_FIXED64:
      return addUnsigned(whole);
    case PB_STRING:
      noteHigh(text, textSize);
      return addString(text, textSize);
    case PB_ENUM:
      return symbol(type) ? addString(text, textSize) : addInteger(<i64>whole);
  }
  return addInteger(<i64>whole);
}

/** Writes the value of a message [at, stop). */
export function addMessage(at: usize, stop: usize, type: ProtoType, depth: u32): bool {
  if (depth >= MAX_MESSAGES) return false;
  if (type.kind == PB_TIME) return timestamp(at, stop) && addNumber(float);
  if (type.kind == PB_MESSAGE) return addObject(at, stop, type, depth);
  const member = memberAt(type, 0);
  const kind = member.type.kind;
  return wrapped(kind, member.wire, at, stop) && addScalar(member.type, kind);
}

function addObject(at: usize, stop: usize, type: ProtoType, depth: u32): bool {
  if (!addByte(123)) return false;
  for (let i: u32 = 0; i < type.count; i++) if (!addMember(at, stop, type, memberAt(type, i), depth)) return false;
  return addByte(125);
}

function addName(member: ProtoMember): bool {
  return addComma() && add(member.at, member.size);
}

function addMember(at: usize, stop: usize, type: ProtoType, member: ProtoMember, depth: u32): bool {
  if (member.many != PB_ONE) return addAll(at, stop, member, depth);
  const found = find(at, stop, type, member);
  if (!found) return false;
  if (count) return addName(member) && addFound(stop, member, depth);
  return !member.noneSize || (addName(member) && add(member.none, member.noneSize));
}

/** Results of `find`: number of fields, their first tag, and the address of the last value. */
let count: u32 = 0;
let first: usize = 0;
let last: usize = 0;

/** Finds the values of a member that count. @returns false if the bytes are not a message */
function find(at: usize, stop: usize, type: ProtoType, member: ProtoMember): bool {
  count = 0;
  let p = at;
  while (p < stop) {
    const from = p;
    p = tag(p, stop);
    if (!p) return false;
    const value = p;
    const is = number;
    const how = wire;
    p =
      isScalar(member) && is == member.number && how == member.wire
        ? scalar(member.type.kind, p, stop)
        : skipValue(p, stop, 0);
    if (!p) return false;
    if (is == member.number && how == member.wire) {
      if (isScalar(member) && isUnknown(member.type)) continue;
      if (!count++) first = from;
      last = value;
    } else if (member.oneof && isRival(type, member, is, how)) count = 0;
  }
  return true;
}

@inline
function isScalar(member: ProtoMember): bool {
  return member.type.kind < PB_MESSAGE;
}

/** Whether a tag is that of another member of the same oneof. */
function isRival(type: ProtoType, member: ProtoMember, is: u32, how: u32): bool {
  for (let i: u32 = 0; i < type.count; i++) {
    const other = memberAt(type, i);
    if (other.number == is) return other.oneof == member.oneof && other.wire == how && is != member.number;
  }
  return false;
}

/** Writes the value of a member that was found. */
function addFound(stop: usize, member: ProtoMember, depth: u32): bool {
  const type = member.type;
  if (isScalar(member)) return scalar(type.kind, last, stop) != 0 && addScalar(type, type.kind);
  const before = gathered();
  setTag(member.number, member.wire);
  const ok = count > 1 ? gather(member.number, member.wire, first, stop) : payload(last, stop) != 0;
  if (!ok || !addMessage(text, text + textSize, type, depth + 1)) return false;
  forgetGathered(before);
  return true;
}

/** Writes a list or map, unless it is empty. */
function addAll(at: usize, stop: usize, member: ProtoMember, depth: u32): bool {
  const keyed = member.many == PB_MAP;
  let any = false;
  let p = at;
  while (p < stop) {
    p = tag(p, stop);
    if (!p) return false;
    if (number != member.number || !fits(member.wire, member.many, member.type.kind)) {
      p = skipValue(p, stop, 0);
      if (!p) return false;
      continue;
    }
    if (!any && !(addName(member) && addByte(keyed ? 123 : 91))) return false;
    any = true;
    p = keyed ? addEntry(p, stop, member.type, depth) : addItems(p, stop, member.type, depth);
    if (!p) return false;
  }
  return !any || addByte(keyed ? 125 : 93);
}

/** Writes the items after a tag: one, or several packed ones. */
export function addItems(p: usize, stop: usize, type: ProtoType, depth: u32): usize {
  if (type.kind >= PB_MESSAGE) {
    const next = payload(p, stop);
    return next && addComma() && addMessage(text, text + textSize, type, depth + 1) ? next : 0;
  }
  if (wire != LEN || !packs(type.kind)) return addItem(p, stop, type);
  const next = sized(p, stop);
  for (let q = text; q && q < next; ) {
    q = addItem(q, next, type);
    if (!q) return 0;
  }
  return next;
}

function addItem(p: usize, stop: usize, type: ProtoType): usize {
  const next = scalar(type.kind, p, stop);
  if (!next || isUnknown(type)) return next;
  return addComma() && addScalar(type, type.kind) ? next : 0;
}

/** Writes an entry of a map, as a member. */
export function addEntry(p: usize, stop: usize, type: ProtoType, depth: u32): usize {
  const next = payload(p, stop);
  if (!next) return 0;
  const from = text;
  const to = from + textSize;
  if (!find(from, to, type, memberAt(type, 1))) return 0;
  // An entry whose value is an unknown number of a closed enum is omitted.
  if (!count && hasField(from, to, 2)) return next;
  if (!addComma() || !addKey(from, to, memberAt(type, 0), type) || !addByte(58)) return 0;
  const value = memberAt(type, 1);
  if (!find(from, to, type, value)) return 0;
  const ok = count
    ? addFound(to, value, depth)
    : value.noneSize
      ? add(value.none, value.noneSize)
      : addMessage(to, to, value.type, depth + 1);
  return ok ? next : 0;
}

/** Whether a readable message has a field with a given number. */
function hasField(at: usize, stop: usize, wanted: u32): bool {
  for (let p = at; p < stop; ) {
    p = tag(p, stop);
    if (!p) return false;
    if (number == wanted) return true;
    p = skipValue(p, stop, 0);
    if (!p) return false;
  }
  return false;
}

/** Writes a key, as text whatever its type. */
function addKey(at: usize, stop: usize, member: ProtoMember, type: ProtoType): bool {
  const kind = member.type.kind;
  if (!find(at, stop, type, member)) return false;
  if (kind == PB_STRING) {
    if (!count) return add(member.none, member.noneSize);
    return scalar(kind, last, stop) != 0 && addScalar(member.type, kind);
  }
  if (!addByte(34)) return false;
  const ok = count ? scalar(kind, last, stop) != 0 && addScalar(member.type, kind) : add(member.none, member.noneSize);
  return ok && addByte(34);
}
