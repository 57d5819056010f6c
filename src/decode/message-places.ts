/** The index path of a schema's first message. */
export const FIRST_MESSAGE = "0";

/** Deepest nesting of messages that is supported. */
const MOST_PLACES = 32;

/**
 * Which message of its schema an event is, as written after the schema's id: a zigzag count, then that many zigzag
 * indexes (of the message in its file, of a message nested in it, …); or a single 0 for the first one.
 * @returns indexes joined by dots, "" if they cannot be read; and the bytes they take
 */
export function messageAt(view: DataView, at: number): { readonly which: string; readonly size: number } {
  if (at < view.byteLength && view.getUint8(at) === 0) return { which: FIRST_MESSAGE, size: 1 };
  const numbers: number[] = [];
  let next = at;
  do {
    const { value, end } = zigzagAt(view, next);
    if (end === 0 || value < 0 || (numbers.length === 0 && value > MOST_PLACES)) return { which: "", size: 0 };
    numbers.push(value);
    next = end;
  } while (numbers.length <= numbers[0]);
  return { which: numbers.slice(1).join("."), size: next - at };
}

/** The same for bytes that contain nothing else. */
export function placesOf(bytes: Uint8Array): string {
  return messageAt(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0).which;
}

/** @returns end 0 where there is no number of up to 32 bits */
function zigzagAt(view: DataView, at: number): { value: number; end: number } {
  let bits = 0;
  for (let i = 0; i < 5 && at + i < view.byteLength; i++) {
    const byte = view.getUint8(at + i);
    bits |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { value: (bits >>> 1) ^ -(bits & 1), end: at + i + 1 };
  }
  return { value: 0, end: 0 };
}
