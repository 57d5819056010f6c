// One example of libsvm (`label [qid:id] index:value ...`) or libffm (`label field:index:value ...`) → slots. Text
// after a # is a comment; a line with nothing else is not an event.
import { BAD_FEATURES, BLANK, OK } from "./codes";
import { Member, Node, findMember } from "./json";
import { FEATURES, FIELD_FEATURES, SLOT_BYTES, Slot, TEXT, plan } from "./plan";
import { blanksEnd, find, set, wordEnd } from "./words";

/** The member that the last word named, and the predicted next one. */
let last: Member | null = null;
let expected: Member | null = null;

/** Reads [at, end). @param fields libffm or libsvm @returns a reject code, or BLANK */
export function readSparse(at: usize, end: usize, fields: bool): u32 {
  const stop = find(at, end, 35);
  let p = blanksEnd(at, stop);
  if (p == stop) return BLANK;
  let wordStop = wordEnd(p, stop);
  if (find(p, wordStop, 58) == wordStop) {
    set(plan.headLabel, p, wordStop, TEXT);
    p = blanksEnd(wordStop, stop);
  }
  // "qid:"
  if (!fields && p < stop && load<u32>(p) == 0x3a646971) {
    wordStop = wordEnd(p, stop);
    set(plan.headTag, p + 4, wordStop, TEXT);
    p = blanksEnd(wordStop, stop);
  }
  const first = p;
  last = null;
  expected = changetype<Node>(plan.root).first;
  let featuresEnd = p;
  while (p < stop) {
    wordStop = wordEnd(p, stop);
    const colon = find(p, wordStop, 58);
    if (colon == p || colon == wordStop) return BAD_FEATURES;
    if (fields) {
      const second = find(colon + 1, wordStop, 58);
      if (second == colon + 1 || second == wordStop) return BAD_FEATURES;
      fieldFeature(p, colon, second, wordStop);
    } else indexed(p, colon, wordStop);
    featuresEnd = wordStop;
    p = blanksEnd(wordStop, stop);
  }
  if (!fields && plan.features) set(plan.features!, first, featuresEnd, FEATURES);
  return OK;
}

/**
 * The slots of the path with this name; 0 if it is not read. Events of one kind mostly have their names in the same
 * order.
 */
function slotsOf(name: usize, size: u32): usize {
  let member = expected;
  if (!member || !isCalled(member, name, size)) {
    member = findMember(changetype<Node>(plan.root), name, size);
    if (!member) return 0;
    const before = last;
    if (before) before.next = member;
    else changetype<Node>(plan.root).first = member;
  }
  last = member;
  expected = member.next;
  return member.node.slots;
}

@inline
function isCalled(member: Member, name: usize, size: u32): bool {
  return member.quotedSize == size + 2 && memory.compare(member.quoted + 1, name, size) == 0;
}

/** Reads `index:value` if a spec names the index: its value, the first one if repeated. */
function indexed(at: usize, colon: usize, end: usize): void {
  const slots = slotsOf(at, <u32>(colon - at));
  if (!slots || changetype<Slot>(slots).size || slots == changetype<usize>(plan.features)) return;
  for (let i: usize = 0; i < 3; i++) set(changetype<Slot>(slots + i * SLOT_BYTES), colon + 1, end, TEXT);
}

/**
 * Reads `field:index:value` if a spec names the field: its first index and value, and the range of its words, which may
 * include words of other fields.
 */
function fieldFeature(at: usize, colon: usize, second: usize, end: usize): void {
  const slots = slotsOf(at, <u32>(colon - at));
  if (!slots) return;
  const items = changetype<Slot>(slots + 2 * SLOT_BYTES);
  if (items.size) items.size = <u32>(end - items.at);
  else {
    set(changetype<Slot>(slots), colon + 1, second, TEXT);
    set(changetype<Slot>(slots + SLOT_BYTES), second + 1, end, TEXT);
    set(items, at, end, FIELD_FEATURES);
  }
}
