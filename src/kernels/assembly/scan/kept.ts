// The texts of some values, kept row by row for the host in the order of the stream: of a row u32 code (0: accepted), then of
// each value u32 size, u32 kind and its bytes.
import { MAX_VALUE, OK, ROW_TOO_LONG, VALUE_TOO_LONG } from "./codes";
import { LONE_SURROGATE, MISPLACED, MISSING, Slot, fail, failedSlot, plan } from "./plan";

/** Whether the host must take what is kept before another row is read. */
@inline
export function keptFull(): bool {
  return plan.keptRowsEnd > plan.keptRowsLimit;
}

/** A value too long to be kept rejects its row. @returns a reject code */
export function checkKept(): u32 {
  for (let at = plan.kept; at < plan.keptEnd; at += 4) {
    const slot = changetype<Slot>(load<usize>(at));
    if (slot.size > MAX_VALUE) return fail(slot, VALUE_TOO_LONG);
  }
  return OK;
}

/** Keeps a row, if rows are kept. Of a rejected one the values are known only where one of them was at fault. */
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

/** Forgets the rows kept so far. @returns the address behind the last one */
export function takeKept(): usize {
  const end = plan.keptRowsEnd;
  plan.keptRowsEnd = plan.keptRows;
  return end;
}
