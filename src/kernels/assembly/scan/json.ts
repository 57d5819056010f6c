// One JSON object → slots. A member is recognised by comparing its name with the name that followed last time; a hash
// table is used only if they differ.
import { BAD_JSON, MAX_DEPTH, OK } from "./codes";
import { escaped, skip, skipLiteral, skipNumber, skipSpace, skipString, unescape } from "./json-text";
import {
  ARRAY,
  BOOLEAN,
  LONE_SURROGATE,
  MISPLACED,
  MISSING,
  NUMBER,
  OBJECT,
  Slot,
  SLOT_BYTES,
  plan,
  scratchEnd,
  setMayFail,
  setScratchEnd,
} from "./plan";
import { noteUnknown, noting } from "./unknown";
import { xxh64 } from "./xxh64";

/** A path in the events' objects: a value that is read, or an object with such values inside. */
@unmanaged
export class Node {
  /** The slot of this path's own value, or null. */
  slot: Slot | null;
  /** Slots of everything below, including this path's own. */
  slots: usize;
  slotsEnd: usize;
  /** 1: members below it are read. */
  inner: u32;
  /** Its occurrence in this text: SEEN_OBJECT, or SEEN_OTHER if its last value was not an object. */
  seen: u32;
  /** `seen` after the request's context; 0 without one. */
  seenInContext: u32;
  /** The member expected first. */
  first: Member | null;
}
const NODE_BYTES: usize = offsetof<Node>();

const SEEN_OBJECT: u32 = 1;
const SEEN_OTHER: u32 = 2;

/** A name in an object, with the node it leads to. */
@unmanaged
export class Member {
  node: Node;
  parent: Node;
  /**
   * The name in quotes, padded to a whole vector. If JSON would escape the name, the first quote is 0, so that the
   * unescaped comparison never matches.
   */
  quoted: usize;
  quotedSize: u32;
  /** The member that followed this one last time. */
  next: Member | null;
  /** Next member in the hash chain. */
  chain: Member | null;
}

/** Hash chains of all members. */
let heads: usize = 0;
let headMask: usize = 0;
/** The inner nodes, whose `seen` is reset for each row. */
let inner: usize = 0;
let innerEnd: usize = 0;

/**
 * @param headCount a power of two
 * @param nodes the inner nodes, consecutive
 */
export function setMembers(at: usize, headCount: u32, nodes: usize, nodesEnd: usize): void {
  heads = at;
  headMask = headCount - 1;
  inner = nodes;
  innerEnd = nodesEnd;
}

/** The hash chain for a name under `parent`. */
export function chainOf(parent: usize, name: usize, size: u32): usize {
  return heads + ((<usize>xxh64(name, size, parent) & headMask) << 2);
}

/** The member of `parent` with this name, or null. */
export function findMember(parent: Node, name: usize, size: u32): Member | null {
  let member = changetype<Member | null>(load<usize>(chainOf(changetype<usize>(parent), name, size)));
  while (member) {
    const same =
      member.parent == parent && member.quotedSize == size + 2 && memory.compare(member.quoted + 1, name, size) == 0;
    if (same) return member;
    member = member.chain;
  }
  return null;
}

/** Clears the values of the last row. */
export function clearRow(): void {
  const end = plan.slotsEnd;
  for (let at = plan.slots; at < end; at += SLOT_BYTES) store<u64>(at, <u64>MISSING, 4);
  for (let at = inner; at < innerEnd; at += NODE_BYTES) changetype<Node>(at).seen = 0;
  setScratchEnd(plan.scratch);
}

/** Saved copy of the slots after the request's context; 0 if there is none. */
let contextSlots: usize = 0;

/** The next text is not a candidate. */
export function forgetContext(): void {
  contextSlots = 0;
  for (let at = inner; at < innerEnd; at += NODE_BYTES) changetype<Node>(at).seenInContext = 0;
}

/** Saves the slots after a request's context; `toContext` restores them for the next candidate. */
export function keepContext(copy: usize): void {
  contextSlots = copy;
  memory.copy(copy, plan.slots, plan.slotsEnd - plan.slots);
  for (let at = inner; at < innerEnd; at += NODE_BYTES) changetype<Node>(at).seenInContext = changetype<Node>(at).seen;
}

export function toContext(copy: usize, scratch: usize): void {
  memory.copy(plan.slots, copy, plan.slotsEnd - plan.slots);
  for (let at = inner; at < innerEnd; at += NODE_BYTES) changetype<Node>(at).seen = 0;
  setScratchEnd(scratch);
}

/** Whether the slot is unchanged since the context, if there is one. */
@inline
export function isOfContext(slot: Slot): bool {
  const copy = changetype<Slot>(contextSlots + (changetype<usize>(slot) - plan.slots));
  return load<u64>(changetype<usize>(slot)) == load<u64>(changetype<usize>(copy)) && slot.kind == copy.kind;
}

/** Reads the object [at, end); slots of members it does not have are unchanged. @returns a reject code */
export function readObject(at: usize, end: usize): u32 {
  const saved = load<u8>(end);
  store<u8>(end, 0);
  let p = skipSpace(at);
  p = load<u8>(p) == 123 ? object(p + 1, changetype<Node>(plan.root), 1) : 0;
  if (p) p = skipSpace(p);
  store<u8>(end, saved);
  return p == end ? OK : BAD_JSON;
}

/** Whether the quoted name of `member` is at p. */
@inline
function matches(p: usize, member: Member): bool {
  const size = member.quotedSize;
  const pattern = member.quoted;
  const difference = i8x16.bitmask(i8x16.ne(v128.load(p), v128.load(pattern)));
  if (size <= 16) return <u32>ctz(difference | 0x10000) >= size;
  return difference == 0 && memory.compare(p + 16, pattern + 16, size - 16) == 0;
}

/**
 * @param at right after the opening brace
 * @param depth number of open brackets, including its own
 */
export function object(at: usize, node: Node, depth: u32): usize {
  let p = skipSpace(at);
  if (load<u8>(p) == 125) return p + 1;
  let expected = node.first;
  let last: Member | null = null;
  while (true) {
    if (load<u8>(p) != 34) return 0;
    let member = expected;
    const name = p + 1;
    let nameEnd: usize = 0;
    if (member != null && matches(p, member)) p += member.quotedSize;
    else {
      p = skipString(name);
      if (!p) return 0;
      nameEnd = p - 1;
      member = lookUp(node, name, nameEnd);
      if (member) {
        if (last) last.next = member;
        else node.first = member;
      }
    }
    if (load<u8>(p) != 58) {
      p = skipSpace(p);
      if (load<u8>(p) != 58) return 0;
    }
    p = skipSpace(p + 1);
    if (member) {
      last = member;
      expected = member.next;
      p = value(p, member.node, depth);
    } else {
      const from = p;
      p = skip(p, depth);
      if (noting && p) noteUnknown(changetype<usize>(node), name, nameEnd, from, p);
    }
    if (!p) return 0;
    p = skipSpace(p);
    const c: u32 = load<u8>(p++);
    if (c == 125) return p;
    if (c != 44) return 0;
    p = skipSpace(p);
  }
}

/** Finds a member by its name, [start, stop) between quotes. */
function lookUp(node: Node, start: usize, stop: usize): Member | null {
  if (!escaped) return findMember(node, start, <u32>(stop - start));
  const size = unescape(start, stop, scratchEnd);
  return size < 0 ? null : findMember(node, scratchEnd, size);
}

/** Reads a value into its slot. */
function value(p: usize, node: Node, depth: u32): usize {
  const c: u32 = load<u8>(p);
  if (node.inner) return innerValue(p, c, node, depth);
  const slot = node.slot!;
  if (c == 34) return string(p + 1, slot);
  return other(p, c, slot, depth);
}

@inline
function string(p: usize, slot: Slot): usize {
  const end = skipString(p);
  if (!end) return 0;
  if (escaped) unescapeTo(slot, p, end - 1);
  else {
    slot.at = p;
    slot.size = <u32>(end - 1 - p);
    slot.kind = plan.stringKind;
  }
  return end;
}

function unescapeTo(slot: Slot, start: usize, stop: usize): void {
  const size = unescape(start, stop, scratchEnd);
  slot.at = scratchEnd;
  slot.size = size < 0 ? 1 : size;
  slot.kind = size < 0 ? LONE_SURROGATE : plan.stringKind;
  if (size < 0) setMayFail(true);
  if (size > 0) setScratchEnd(scratchEnd + size);
}

/** Reads any value except a string. */
function other(p: usize, c: u32, slot: Slot, depth: u32): usize {
  const bracket = c == 91 || c == 123;
  const number = c == 45 || c - 48 < 10;
  if (bracket) setMayFail(true);
  const end = number ? skipNumber(p) : bracket ? skip(p, depth) : skipLiteral(p);
  slot.at = p;
  slot.size = c == 110 ? 0 : <u32>(end - p);
  slot.kind = number ? NUMBER : c == 91 ? ARRAY : c == 123 ? OBJECT : c == 110 ? MISSING : BOOLEAN;
  return end;
}

/**
 * Reads a value whose members are read. Of repeated names the last one counts, so values set by an earlier one are
 * cleared; an object of a candidate adds its members to the context's.
 */
function innerValue(p: usize, c: u32, node: Node, depth: u32): usize {
  const isObject = c == 123;
  if (!isObject) mark(node, c == 110 ? MISSING : MISPLACED);
  else if (node.seenInContext == SEEN_OTHER) mark(node, MISSING);
  else if (node.seen) forget(node);
  node.seen = isObject ? SEEN_OBJECT : SEEN_OTHER;
  const slot = node.slot;
  if (isObject) {
    if (depth == MAX_DEPTH) return 0;
    const end = object(p + 1, node, depth + 1);
    if (slot) {
      slot.at = p;
      slot.size = <u32>(end - p);
      slot.kind = OBJECT;
      setMayFail(true);
    }
    return end;
  }
  if (!slot) return skip(p, depth);
  return c == 34 ? string(p + 1, slot) : other(p, c, slot, depth);
}

/** Restores the context's values below a node. */
function forget(node: Node): void {
  if (!contextSlots) return mark(node, MISSING);
  memory.copy(node.slots, contextSlots + (node.slots - plan.slots), node.slotsEnd - node.slots);
}

function mark(node: Node, kind: u32): void {
  if (kind == MISPLACED) setMayFail(true);
  for (let at = node.slots; at < node.slotsEnd; at += SLOT_BYTES) {
    const slot = changetype<Slot>(at);
    slot.size = kind == MISSING ? 0 : 1;
    slot.kind = kind;
  }
}
