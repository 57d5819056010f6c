// An exact table may hold some of a hash table's rows, where the others lie elsewhere: then its keys are their numbers.

/** All rows of the hash table; 0: keys are keys. */
let rows: u64 = 0;

/** Before `open`, of an exact table. */
export function numberRows(rows_: u32): void {
  rows = rows_;
}

/** What an exact table finds the row of a key by. */
@inline
export function idOf(key: u64): u64 {
  return rows ? key % rows : key;
}

/** Puts what rows are found by in the place of `count` keys (u64). */
export function identify(keys: usize, count: u32): void {
  if (!rows) return;
  for (const end = keys + ((<usize>count) << 3); keys < end; keys += 8) store<u64>(keys, idOf(load<u64>(keys)));
}
