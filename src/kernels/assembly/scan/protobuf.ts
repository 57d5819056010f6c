// Protobuf's wire format → slots, by the plan that the host compiled from a writer's schema: no objects are created.
// Functions take the address at which a value begins and return the address after it, 0 if the bytes are not a valid
// message.
import { BAD_PROTOBUF, ROW_TOO_LONG } from "./codes";
import {
  beginJson,
  beginSlots,
  endJson,
  fill,
  finish,
  mark,
  putBoolean,
  putInteger,
  putNumber,
  putText,
  putUnsigned,
  rowOfSlots,
} from "./fill";
import { MISPLACED, MISSING, plan, scratchEnd, setMayFail, setScratchEnd, Slot } from "./plan";
import { addComma, addEntry, addItems, addMessage, fits, isUnknown } from "./proto-json";
import {
  Field,
  FIELD_BYTES,
  Message,
  PB_BOOL,
  PB_DOUBLE,
  PB_ENUM,
  PB_FIXED64,
  PB_FLOAT,
  PB_LIST,
  PB_MAP,
  PB_MESSAGE,
  PB_STRING,
  PB_TIME,
  PB_UINT64,
  PB_WRAPPER,
  PROTO_ENTRY_BYTES,
  ProtoEntry,
  ProtoMember,
  ProtoType,
} from "./proto-plan";
import {
  beginSpare,
  float,
  gather,
  number,
  payload,
  scalar,
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
import { add, addByte, FALSE, integerText, overflowed, TRUE, textAt, wholeText } from "./written";

const ZERO_KEY: usize = memory.data<u8>([48, 0, 0, 0]);

/** Number of messages read, so that a field can tell whether it already occurred in the current one. */
let messages: u64 = 0;

/** The plan of the field of the tag last read, if it is used. */
@inline
function fieldOf(message: Message): Field | null {
  const is = number;
  if (is < message.directCount) return load<Field | null>(message.direct + ((<usize>is) << 2));
  return message.far == message.farEnd ? null : farField(message, is);
}

function farField(message: Message, is: u32): Field | null {
  let low: usize = 0;
  let high = (message.farEnd - message.far) / FIELD_BYTES;
  while (low < high) {
    const middle = (low + high) >> 1;
    const field = changetype<Field>(message.far + middle * FIELD_BYTES);
    if (field.number == is) return field;
    if (field.number < is) low = middle + 1;
    else high = middle;
  }
  return null;
}

/** Resets the slots of a message. */
@inline
function begin(message: Message): void {
  memory.copy(message.slots, message.template, message.size);
  if (message.mayFail) setMayFail(true);
}

/** Reads the fields of the message [at, stop) into the slots. */
function run(at: usize, stop: usize, message: Message): bool {
  const id = ++messages;
  let p = at;
  while (p < stop) {
    const from = p;
    p = tag(p, stop);
    if (!p) return false;
    const field = fieldOf(message);
    if (!field || !fits(field.wire, field.many, field.type.kind)) p = skipValue(p, stop, 0);
    else p = field.type.kind < PB_MESSAGE && !field.many ? one(field, p, stop) : read(field, from, p, stop, id);
    if (!p) return false;
  }
  return true;
}

/** Reads a scalar into its slot. */
@inline
function one(field: Field, p: usize, stop: usize): usize {
  const type = field.type;
  const next = scalar(type.kind, p, stop);
  if (!next || isUnknown(type)) return next;
  if (field.others != field.othersEnd) clearOthers(field);
  const slot = field.slot;
  if (slot && !put(slot, type, type.kind, field.binary)) return 0;
  if (field.misplaced != field.misplacedEnd) mark(field.misplaced, field.misplacedEnd, MISPLACED);
  return next;
}

/** Reads any other value. */
function read(field: Field, from: usize, p: usize, stop: usize, id: u64): usize {
  if (field.others != field.othersEnd) clearOthers(field);
  if (field.misplaced != field.misplacedEnd) mark(field.misplaced, field.misplacedEnd, MISPLACED);
  if (field.many == PB_LIST && field.slot) return list(field, p, stop);
  if (field.many == PB_MAP) return map(field, p, stop);
  if (field.many) return skipValue(p, stop, 0);
  return part(field, from, p, stop, id);
}

/** Clears the other members of a oneof, of which the last one counts. */
function clearOthers(field: Field): void {
  for (let at = field.others; at < field.othersEnd; at += 4) {
    const other = load<Field>(at);
    mark(other.slots, other.slotsEnd, MISSING);
    other.message = 0;
  }
}

/** Stores the scalar last read. */
function put(slot: Slot, type: ProtoType, kind: u32, binary: u32): bool {
  switch (kind) {
    case PB_STRING:
      putText(slot, text, textSize);
      return true;
    case PB_FLOAT:
    case PB_DOUBLE:
      return putNumber(slot, float, binary);
    case PB_BOOL:
      putBoolean(slot, whole != 0);
      return true;
    case PB_UINT64:
    case PB_FIXED64:
      return putUnsigned(slot, whole, binary);
    case PB_ENUM:
      if (!symbol(type)) break;
      fill(slot, text, textSize, plan.stringKind);
      return true;
  }
  return putInteger(slot, <i64>whole, binary);
}

/** Reads a message, or a part of one: if the field occurs again, all parts are merged and read again. */
function part(field: Field, from: usize, p: usize, stop: usize, id: u64): usize {
  const next = payload(p, stop);
  if (!next) return 0;
  if (field.message != id) {
    field.message = id;
    field.from = from;
    field.whole = 0;
  } else if (field.whole) return next;
  else {
    field.whole = 1;
    if (!gather(field.number, field.wire, field.from, stop)) return 0;
  }
  return message(field, text, text + textSize) ? next : 0;
}

/** Reads the message [at, stop) of a field. */
function message(field: Field, at: usize, stop: usize): bool {
  const slot = field.slot;
  if (slot && !putMessage(slot, field, at, stop)) return false;
  const inner = field.inner;
  if (!inner) return true;
  begin(inner);
  return run(at, stop, inner);
}

function putMessage(slot: Slot, field: Field, at: usize, stop: usize): bool {
  const type = field.type;
  if (type.kind == PB_TIME) return timestamp(at, stop) && putNumber(slot, float, field.binary);
  if (type.kind == PB_WRAPPER) {
    const member = changetype<ProtoMember>(type.list);
    const kind = member.type.kind;
    return wrapped(kind, member.wire, at, stop) && put(slot, member.type, kind, field.binary);
  }
  beginJson(slot);
  return addMessage(at, stop, type, 0) && endJson(slot);
}

/** Starts a slot's list or map, or continues it. */
function open(slot: Slot, bracket: u32): bool {
  if (slot.kind == MISSING) {
    beginJson(slot);
    return addByte(bracket);
  }
  const size: usize = slot.size - 1;
  if (slot.at + size + 2 == scratchEnd) {
    setScratchEnd(slot.at + size);
    return true;
  }
  const at = scratchEnd;
  if (!add(slot.at, size)) return false;
  slot.at = at;
  return true;
}

/** Reads items, and those of the following tags that are the same. */
function list(field: Field, at: usize, stop: usize): usize {
  const slot = field.slot!;
  if (!open(slot, 91)) return 0;
  let p = at;
  while (true) {
    p = addItems(p, stop, field.type, 0);
    if (!p) return 0;
    const next = p < stop ? tag(p, stop) : 0;
    if (!next || number != field.number || !fits(field.wire, PB_LIST, field.type.kind)) break;
    p = next;
  }
  return addByte(93) && endJson(slot) ? p : 0;
}

function map(field: Field, p: usize, stop: usize): usize {
  const slot = field.slot;
  const next = payload(p, stop);
  if (!next) return 0;
  const at = text;
  const end = at + textSize;
  for (let i = field.entries; i < field.entriesEnd; i += PROTO_ENTRY_BYTES) {
    const entry = changetype<ProtoEntry>(i);
    const is = keyIs(entry, at, end, field.type);
    if (is < 0 || (is > 0 && !readEntry(entry, at, end))) return 0;
  }
  if (!slot) return next;
  if (!open(slot, 123)) return 0;
  return addEntry(p, stop, field.type, 0) && addByte(125) && endJson(slot) ? next : 0;
}

/** Reads the value of an entry; of several entries with the same key, the last one counts. */
function readEntry(entry: ProtoEntry, at: usize, stop: usize): bool {
  begin(entry.entry);
  const value = entry.value;
  value.message = 0;
  if (!run(at, stop, entry.entry)) return false;
  return value.many || value.type.kind < PB_MESSAGE || value.message ? true : message(value, stop, stop);
}

/** 1 if the key of the entry [at, stop) is that of `entry`, -1 if it cannot be read. */
function keyIs(entry: ProtoEntry, at: usize, stop: usize, type: ProtoType): i32 {
  const member = changetype<ProtoMember>(type.list);
  const kind = member.type.kind;
  let found: usize = 0;
  for (let p = at; p < stop; ) {
    p = tag(p, stop);
    if (!p) return -1;
    if (number == 1 && wire == member.wire) found = p;
    p = skipValue(p, stop, 0);
    if (!p) return -1;
  }
  if (found && !scalar(kind, found, stop)) return -1;
  return sameKey(entry, kind, found != 0);
}

/** Compares the key last read, or the default key of an entry without one. */
function sameKey(entry: ProtoEntry, kind: u32, found: bool): i32 {
  if (kind == PB_STRING) return same(entry, text, found ? textSize : 0);
  if (kind == PB_BOOL) return found && whole ? same(entry, TRUE, 4) : same(entry, FALSE, 5);
  if (!found) return same(entry, ZERO_KEY, 1);
  const before = scratchEnd;
  const unsigned = kind == PB_UINT64 || kind == PB_FIXED64;
  if (!(unsigned ? wholeText(whole) : integerText(<i64>whole))) return -1;
  const is = same(entry, textAt, <u32>(scratchEnd - textAt));
  setScratchEnd(before);
  return is;
}

@inline
function same(entry: ProtoEntry, at: usize, size: u32): i32 {
  return <i32>(entry.size == size && memory.compare(entry.name, at, size) == 0);
}

/** Reads one message [start, end) with one Protobuf message in the bytes from `body` on; `root` is its plan. */
export function scanProtobuf(start: usize, body: usize, stop: usize, root: Message): u32 {
  beginSlots();
  beginSpare();
  begin(root);
  const ok = run(body, stop, root);
  return finish(ok ? rowOfSlots() : overflowed ? ROW_TOO_LONG : BAD_PROTOBUF, start, stop);
}
