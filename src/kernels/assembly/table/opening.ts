// Opens the table: as its owner, or as a reader of a table that another instance owns in the same memory.
import { changesBase, placeChanges } from "./changed-rows";
import { openInitial } from "./initial-rows";
import {
  goneFrom,
  groupMask,
  hiddenFrom,
  indexBase,
  newerFrom,
  placeIndex,
  secret,
  see,
  seedIndex,
  setGroups,
} from "./key-index";
import { confirmLate } from "./learned-rows";
import { workspaceEnd } from "./memory";
import { placeRows, rowsBase } from "./row-places";
import { openStore, rowCapacity, rowCount, setCapacity, setRowCount, setRows } from "./store";

/**
 * Opens the table behind the workspace, all of which must be allocated before. `stateBytes` = a row's bytes without its
 * key; `rows` = all rows (hash) or rows to reserve (exact, may be 0). False if the memory limit is exceeded.
 */
export function open(exact: bool, rows: u32, stateBytes: u32, seed: u64, init: f32): bool {
  return describe(exact, stateBytes, seed, init) && openStore(workspaceEnd, rows);
}

/** Uses a table that another instance over the same memory opened, and described at `at` (`share`), for reading. */
export function attach(exact: bool, stateBytes: u32, seed: u64, init: f32, at: usize): bool {
  if (!describe(exact, stateBytes, seed, init)) return false;
  refresh(at);
  return true;
}

function describe(exact: bool, stateBytes: u32, seed: u64, init: f32): bool {
  setRows(exact, stateBytes);
  const opened = openInitial(seed, init);
  confirmLate();
  return opened;
}

/** The table's description for instances that read it: values that change, or were set by its opener. */
@unmanaged
class SharedTable {
  secret: u64;
  indexBase: usize;
  changesBase: usize;
  rowsBase: usize;
  rowCount: u32;
  rowCapacity: u32;
  groupMask: u32;
  hiddenFrom: u32;
  newerFrom: u32;
  goneFrom: u32;
}

/** Writes the description to `at`, for other instances over this memory, while none of them reads. */
export function share(at: usize): void {
  const shared = changetype<SharedTable>(at);
  shared.secret = secret;
  shared.indexBase = indexBase;
  shared.changesBase = changesBase;
  shared.rowsBase = rowsBase;
  shared.rowCount = rowCount;
  shared.rowCapacity = rowCapacity;
  shared.groupMask = groupMask;
  shared.hiddenFrom = hiddenFrom;
  shared.newerFrom = newerFrom;
  shared.goneFrom = goneFrom;
}

/** Reads the description; call after every change of the table. */
export function refresh(at: usize): void {
  const shared = changetype<SharedTable>(at);
  seedIndex(shared.secret);
  placeIndex(shared.indexBase);
  placeChanges(shared.changesBase);
  placeRows(shared.rowsBase);
  setRowCount(shared.rowCount);
  setCapacity(shared.rowCapacity);
  setGroups(shared.groupMask + 1);
  see(shared.hiddenFrom, shared.newerFrom, shared.goneFrom);
}
