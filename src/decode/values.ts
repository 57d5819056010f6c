import { constantOf, offsetOf } from "../kernels/layouts.js";

/** Maximum number of bytes shown of a text. */
const MOST_BYTES = 60;

/** The text of the value in a slot, shortened; null if there is none that can be shown. */
export function shortText(memory: ArrayBuffer, slot: number): string | null {
  const view = new DataView(memory);
  const read = (field: string) => view.getUint32(slot + offsetOf("scan", "Slot", field), true);
  const size = read("size");
  const kind = read("kind");
  if (kind === constantOf("scan", "BINARY")) return String(view.getFloat64(read("at"), true));
  if (kind > constantOf("scan", "OBJECT") && kind !== constantOf("scan", "SCALED")) return null;
  return shortened(Buffer.from(memory, read("at"), Math.min(size, MOST_BYTES + 4)), size);
}

/** The beginning of a text, cut at a character boundary. */
function shortened(bytes: Buffer, size: number): string {
  if (size <= MOST_BYTES) return bytes.toString("utf8");
  let end = MOST_BYTES;
  while ((bytes[end] & 0xc0) === 0x80) end--;
  return `${bytes.toString("utf8", 0, end)}…`;
}
