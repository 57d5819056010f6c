// Watches values that are constant so far; in ordinary data, none is left after a few rows.
import { UNSEEN, WATCH_BYTES, Slot, Watch, plan } from "./plan";
import { xxh64 } from "./xxh64";

@inline
function bytesOf(slot: Slot): u64 {
  const size = slot.size;
  if (size == 0) return 0;
  return size <= 8 ? load<u64>(slot.at) << (64 - ((<u64>size) << 3)) : xxh64(slot.at, size, 0);
}

/** Compares the current row with earlier ones; values that differ are no longer watched. */
export function watchRow(): void {
  let at = plan.watches;
  while (at < plan.watchesEnd) {
    const watch = changetype<Watch>(at);
    const slot = watch.slot;
    const bytes = bytesOf(slot);
    if (watch.size == UNSEEN) {
      watch.size = slot.size;
      watch.bytes = bytes;
    } else if (watch.size != slot.size || watch.bytes != bytes) {
      plan.watchesEnd -= WATCH_BYTES;
      memory.copy(at, plan.watchesEnd, WATCH_BYTES);
      continue;
    }
    at += WATCH_BYTES;
  }
}
