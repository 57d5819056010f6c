import type { ScanInput } from "./input.js";
import type { ScanKernel } from "./kernel.js";
import type { ScanPlan } from "./plan.js";
import { MAX_ROW, type RejectCode, RejectList } from "./reject.js";

/** The first part of a request that could not be decoded; candidate -1 = the context. */
export interface RequestFailure {
  readonly candidate: number;
  readonly code: RejectCode;
  readonly column: string;
}

/** Reads a context and makes a row of every candidate over it; the context and each candidate have at most 2 MiB. */
export function readRequest(
  kernel: ScanKernel,
  { slotsCopy, places }: ScanPlan,
  input: ScanInput,
  context: Uint8Array,
  candidates: readonly Uint8Array[],
): RequestFailure | undefined {
  const part = (candidate: number, bytes: Uint8Array, at: number, read: (end: number) => number) => {
    const fail = (code: RejectCode, column = "") => ({ candidate, code, column });
    if (bytes.length > MAX_ROW / 2) return fail("row_too_long");
    const end = input.write(bytes, at) + bytes.length;
    if (!kernel.isUtf8(at, end)) return fail("bad_utf8");
    const code = read(end);
    return code ? fail(RejectList.codeOf(code), places.nameOf(kernel.getFailedSlot() >>> 0)) : undefined;
  };
  kernel.takeChanges();
  const start = input.read;
  const after = start + context.length + 1;
  let failure = part(-1, context, start, (end) => kernel.readContext(start, end, slotsCopy));
  for (let i = 0; i < candidates.length && !failure; i++) {
    failure = part(i, candidates[i], after, (end) => kernel.readCandidate(after, end, slotsCopy, i));
  }
  return failure;
}
