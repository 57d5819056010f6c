// One example of Vowpal Wabbit's text format → slots: `label [importance [base]] ['tag]|namespace feature[:value] ...
// |...`.
import { BAD_VW, OK } from "./codes";
import { Node, findMember } from "./json";
import { parseNumber } from "./number";
import { FEATURES, SCALED, SLOT_BYTES, Slot, TEXT, plan } from "./plan";
import { blanksEnd, find, set, wordEnd } from "./words";

/** Reads the example [at, end). @returns a reject code */
export function readExample(at: usize, end: usize): u32 {
  let bar = find(at, end, 124);
  if (bar == end) return BAD_VW;
  if (!readHead(at, bar)) return BAD_VW;
  while (bar < end) {
    const next = find(bar + 1, end, 124);
    if (!readNamespace(bar + 1, next)) return BAD_VW;
    bar = next;
  }
  return OK;
}

/**
 * Reads label, importance, base (not used), tag: a word that touches the bar or begins with an apostrophe is the tag.
 */
function readHead(at: usize, bar: usize): bool {
  let p = blanksEnd(at, bar);
  let words = 0;
  while (p < bar) {
    const end = wordEnd(p, bar);
    const quoted = load<u8>(p) == 39;
    const next = blanksEnd(end, bar);
    if (end == bar || quoted) {
      set(plan.headTag, p + <usize>quoted, end, TEXT);
      return next == bar;
    }
    if (words == 3) return false;
    if (words == 0) set(plan.headLabel, p, end, TEXT);
    if (words == 1) set(plan.headWeight, p, end, TEXT);
    words++;
    p = next;
  }
  return true;
}

/**
 * Reads `name[:scale] features` into four slots: the first feature's text, its value (or its text), all features, and
 * the scale.
 */
function readNamespace(at: usize, end: usize): bool {
  const wordsEnd = wordEnd(at, end);
  const nameEnd = find(at, wordsEnd, 58);
  const member = findMember(changetype<Node>(plan.root), at, <u32>(nameEnd - at));
  if (!member) return true;
  const node = member.node;
  if (node.seen) return false;
  node.seen = 1;
  const scaled = nameEnd < wordsEnd;
  if (scaled) {
    const scale = changetype<Slot>(node.slots + 3 * SLOT_BYTES);
    set(scale, nameEnd + 1, wordsEnd, TEXT);
    if (scale.size == 0 || !isFinite(parseNumber(scale.at, scale.size))) return false;
  }
  const first = blanksEnd(wordsEnd, end);
  const firstEnd = wordEnd(first, end);
  const colon = find(first, firstEnd, 58);
  set(changetype<Slot>(node.slots), first, colon, TEXT);
  set(
    changetype<Slot>(node.slots + SLOT_BYTES),
    colon < firstEnd ? colon + 1 : first,
    firstEnd,
    scaled ? SCALED : TEXT,
  );
  set(changetype<Slot>(node.slots + 2 * SLOT_BYTES), first, end, FEATURES);
  return true;
}
