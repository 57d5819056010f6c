// Members of a request that no field reads, which the response reports. The host takes the list after every part it has
// read, so a name that all candidates have is recorded once per part, or a few times.
import { xxh64 } from "./xxh64";

/** Position of a member that no field reads; its name is between quotes. */
@unmanaged
class UnknownMember {
  /** The Node of the enclosing object. */
  parent: usize;
  /** 1: in a candidate. */
  inCandidate: u32;
  name: usize;
  nameEnd: usize;
  value: usize;
  valueEnd: usize;
}
const UNKNOWN_MEMBER_BYTES: usize = offsetof<UnknownMember>();

/** Hashes of the members recorded last, u64 each. */
const SEEN: usize = 256;

let list: usize = 0;
let listEnd: usize = 0;
let listLimit: usize = 0;
let seen: usize = 0;
let inCandidate: u32 = 0;

/** True while a request is being read. */
export let noting: bool = false;

/**
 * @param at room for the list, up to `limit`
 * @param seen_ room for 256 u64, zeroed
 */
export function openUnknown(at: usize, limit: usize, seen_: usize): void {
  list = listEnd = at;
  listLimit = limit - UNKNOWN_MEMBER_BYTES;
  seen = seen_;
}

export function noteIn(candidate: bool): void {
  noting = seen != 0;
  inCandidate = <u32>candidate;
}

/** Records a member. If its value is an object, it is distinguished by its members. */
export function noteUnknown(parent: usize, name: usize, nameEnd: usize, value: usize, valueEnd: usize): void {
  const end = load<u8>(value) == 123 ? valueEnd : nameEnd;
  const hash = xxh64(name, end - name, parent + inCandidate);
  const at = seen + ((<usize>hash & (SEEN - 1)) << 3);
  if (load<u64>(at) == hash || listEnd > listLimit) return;
  store<u64>(at, hash);
  const member = changetype<UnknownMember>(listEnd);
  member.parent = parent;
  member.inCandidate = inCandidate;
  member.name = name;
  member.nameEnd = nameEnd;
  member.value = value;
  member.valueEnd = valueEnd;
  listEnd += UNKNOWN_MEMBER_BYTES;
}

/** Ends a part of a request. @returns bytes of the list, which is then cleared */
export function takeUnknown(): u32 {
  const bytes = <u32>(listEnd - list);
  if (bytes) memory.fill(seen, 0, SEEN << 3);
  listEnd = list;
  noting = false;
  return bytes;
}
