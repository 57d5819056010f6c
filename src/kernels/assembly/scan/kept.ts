// Texts of some values, kept for the host in the order of the stream. Per row: u32 code (0: accepted), then for each
// value u32 size, u32 kind and its bytes.
import { MAX_VALUE, OK, ROW_TOO_LONG, VALUE_TOO_LONG } from "./codes";
import { LONE_SURROGATE, MISPLACED, MISSING, Slot, fail, failedSlot, plan } from "./plan";

/** Whether the host must take the kept rows before another row is read. */
@inline
export function keptFull(): bool {
  return plan.keptRowsEnd > plan.keptRowsLimit;
}

/** Rejects a row with a value too long to be kept. @returns a reject code */
export function checkKept(): u32 {
  for (let at = plan.kept; at < plan.keptEnd; at += 4) {
    const slot = changetype<Slot>(load<usize>(at));
    if (slot.size > MAX_VALUE) return fail(slot, VALUE_TOO_LONG);
  }
  return OK;
}

/** Keeps a row, if rows are kept. The values of a rejected row are kept only if one of them was the cause. */
export function keepRow(code: u32): void {
  if (!plan.keptRows) return;
  let to = plan.keptRowsEnd;
  store<u32>(to, code);
  to += 4;
  const known = code == OK || (failedSlot != 0 && code != ROW_TOO_LONG);
  for (let at = plan.kept; at < plan.keptEnd; at += 4) to = keepValue(changetype<Slot>(load<usize>(at)), known, to);
  plan.keptRowsEnd = to;
}

function keepValue(slot: Slot, known: bool, to: usize): usize {
  const kind = slot.kind;
  const isText = known && kind != LONE_SURROGATE && kind != MISPLACED && slot.size <= MAX_VALUE;
  const size = isText ? slot.size : 0;
  store<u32>(to, size);
  store<u32>(to, isText ? kind : MISSING, 4);
  memory.copy(to + 8, slot.at, size);
  return to + 8 + size;
}

/** Clears the kept rows. @returns the address after the last one */
export function takeKept(): usize {
  const end = plan.keptRowsEnd;
  plan.keptRowsEnd = plan.keptRows;
  return end;
}
