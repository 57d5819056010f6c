// An exact table may hold a subset of a hash table's rows, whose other rows are stored elsewhere: then its keys are
// their row numbers.

/** Number of rows of the hash table; 0: keys are used as they are. */
let rows: u64 = 0;

/** Sets that number; before `open` of an exact table. */
export function numberRows(rows_: u32): void {
  rows = rows_;
}

/** The identity under which an exact table stores the row of a key. */
@inline
export function idOf(key: u64): u64 {
  return rows ? key % rows : key;
}

/** Replaces `count` keys (u64) by their identities. */
export function identify(keys: usize, count: u32): void {
  if (!rows) return;
  for (const end = keys + ((<usize>count) << 3); keys < end; keys += 8) store<u64>(keys, idOf(load<u64>(keys)));
}
