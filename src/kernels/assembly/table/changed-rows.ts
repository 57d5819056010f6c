// A bitmap of the rows changed since the host last read it: the host reads and clears it.

export let changesBase: usize = 0;
export let tracking: bool = false;

/** Sets the bitmap's address. */
export function placeChanges(base: usize): void {
  changesBase = base;
}

/** Starts marking changed rows. */
export function startTracking(): void {
  tracking = true;
}

export function changesAddress(): usize {
  return changesBase;
}

/** Marks a row as changed, if the host tracks changes. */
@inline
export function note(row: u32): void {
  if (!tracking) return;
  const at = changesBase + (row >> 3);
  store<u8>(at, load<u8>(at) | ((<u8>1) << (<u8>(row & 7))));
}
