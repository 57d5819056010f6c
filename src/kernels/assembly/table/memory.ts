// The linear memory of one table, in this order: workspace | index | rows. Workspace is allocated once, before the
// store is opened; index and rows grow after it.

const PAGE: u64 = 65536;

/** Maximum size of this memory in bytes: one page short of 4 GiB, so that every end address fits in 32 bits. */
export let limit: u64 = 65535 * PAGE;

/** Address after the workspace, a multiple of 64. */
export let workspaceEnd: usize = (__heap_base + 63) & ~63;

export function setLimit(bytes: f64): void {
  limit = min(<u64>bytes, 65535 * PAGE);
}

/**
 * Allocates workspace from `at` on: memory that another instance has reserved for this one. Call before any is
 * allocated.
 */
export function useWorkspace(at: usize): void {
  workspaceEnd = at;
}

let refused: bool = false;

/**
 * Allocates `bytes` bytes of workspace, 64-byte aligned and zeroed. Returns its address, or 0 if the memory limit is
 * exceeded; from then on always 0, so that checking the last of several allocations is enough.
 */
export function workspace(bytes: usize): usize {
  return workspaceOf(1, bytes);
}

/** `workspace` for `count` elements of `bytes` bytes each. */
export function workspaceOf(count: u32, bytes: usize): usize {
  const at = workspaceEnd;
  const end = (<u64>at + <u64>count * bytes + 63) & ~63;
  refused = refused || !ensure(end);
  if (refused) return 0;
  workspaceEnd = <usize>end;
  return at;
}

/**
 * Grows the memory to contain addresses below `end`; false (and nothing changed) if the limit or the host forbids it.
 */
export function ensure(end: u64): bool {
  if (end > limit) return false;
  const have = <u64>memory.size() * PAGE;
  if (end <= have) return true;
  return memory.grow(<i32>((end - have + PAGE - 1) / PAGE)) >= 0;
}
