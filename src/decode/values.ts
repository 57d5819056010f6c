/** Kinds of the kernel's slots (src/kernels/assembly/scan/plan.ts) whose text can be shown. */
const LAST_TEXT = 7;
const SCALED = 10;
/** Longest text that is shown. */
const MOST_BYTES = 60;

/** The text of the value in a slot, shortened; null where it has none that can be shown. */
export function shortText(memory: ArrayBuffer, slot: number): string | null {
  const view = new DataView(memory);
  const size = view.getUint32(slot + 4, true);
  const kind = view.getUint32(slot + 8, true);
  if (kind > LAST_TEXT && kind !== SCALED) return null;
  return shortened(Buffer.from(memory, view.getUint32(slot, true), Math.min(size, MOST_BYTES + 4)), size);
}

/** The beginning of a text, cut between two characters. */
function shortened(bytes: Buffer, size: number): string {
  if (size <= MOST_BYTES) return bytes.toString("utf8");
  let end = MOST_BYTES;
  while ((bytes[end] & 0xc0) === 0x80) end--;
  return `${bytes.toString("utf8", 0, end)}…`;
}
