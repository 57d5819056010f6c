// The linear memory of one table, in this order: workspace | index | rows. Workspace regions are taken once, before the
// store is opened; the index and the rows grow behind them.

const PAGE: u64 = 65536;

/** Bytes this memory may grow to: one page short of 4 GiB, so that every end address fits in 32 bits. */
export let limit: u64 = 65535 * PAGE;

/** First byte behind the workspace, a multiple of 64. */
export let workspaceEnd: usize = (__heap_base + 63) & ~63;

export function setLimit(bytes: f64): void {
  limit = min(<u64>bytes, 65535 * PAGE);
}

/** From now on workspace is taken from `at` on: memory that another instance has set aside for this one. Before any is taken. */
export function useWorkspace(at: usize): void {
  workspaceEnd = at;
}

let refused: bool = false;

/**
 * Takes `bytes` bytes of workspace, 64-byte aligned and zero. Returns its address, or 0 when the memory is at its limit; from
 * then on always 0, so that the last of many regions tells whether all were given.
 */
export function workspace(bytes: usize): usize {
  return workspaceOf(1, bytes);
}

/** `workspace` for `count` things of `bytes` bytes each. */
export function workspaceOf(count: u32, bytes: usize): usize {
  const at = workspaceEnd;
  const end = (<u64>at + <u64>count * bytes + 63) & ~63;
  refused = refused || !ensure(end);
  if (refused) return 0;
  workspaceEnd = <usize>end;
  return at;
}

/** Makes the memory hold addresses below `end`; false (and nothing changed) where the limit or the host forbids it. */
export function ensure(end: u64): bool {
  if (end > limit) return false;
  const have = <u64>memory.size() * PAGE;
  if (end <= have) return true;
  return memory.grow(<i32>((end - have + PAGE - 1) / PAGE)) >= 0;
}
