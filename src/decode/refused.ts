import type { ScanInput } from "./input.js";
import type { ScanKernel } from "./kernel.js";
import type { Places } from "./places.js";
import { MAX_REJECT_BYTES, type Reject } from "./reject.js";
import { shortText } from "./values.js";

/** A row as the kernel refused it. */
export interface RefusedRow extends Omit<Reject, "code" | "expected"> {
  /** All its bytes, valid until the next scan; absent if they were not read. */
  readonly whole?: Uint8Array;
}

/**
 * The row that the kernel has just rejected.
 * @param shift from addresses to offsets in the file
 * @param before lines of the file before those that were read
 */
export function refusedRow(
  kernel: ScanKernel,
  { memory, input, places }: { memory: WebAssembly.Memory; input: ScanInput; places: Places },
  shift: number,
  before: number,
): RefusedRow {
  const start = kernel.getRowStart() >>> 0;
  const length = (kernel.getRowEnd() >>> 0) - start;
  const whole = input.bytes(start, start + length);
  const bytes = whole.slice(0, MAX_REJECT_BYTES);
  const slot = kernel.getFailedSlot() >>> 0;
  const value = slot ? shortText(memory.buffer, slot) : null;
  const row = before + kernel.getRowLine() + 1;
  return { column: places.nameOf(slot), value, offset: start + shift, row, bytes, length, whole };
}
