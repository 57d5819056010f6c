import type { Messages } from "../messages.js";
import { Cursor } from "./cursor.js";

/** A message header. A name may occur several times. */
export type Header = readonly [name: string, value: Uint8Array | null];

/** Key, value and headers of a message. */
export interface MessageParts {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
}

const text = new TextDecoder();

/** Key, value and headers of message i, as views of its bytes. Messages without `keysAt` have only a value. */
export function partsOf(messages: Messages, i: number): MessageParts {
  const { bytes, starts, ends, keysAt } = messages;
  if (!keysAt) return { key: null, value: bytes.subarray(starts[i], ends[i]), headers: [] };
  const cursor = new Cursor(bytes, keysAt[i]);
  return { key: cursor.sized(), value: cursor.sized(), headers: [...headersAt(cursor)] };
}

/** The last value of a header of message i; undefined if there is no such header. */
export function headerOf({ bytes, ends, keysAt }: Messages, i: number, name: string): Uint8Array | null | undefined {
  let found: Uint8Array | null | undefined;
  // Headers follow the value.
  if (keysAt) for (const [key, value] of headersAt(new Cursor(bytes, ends[i]))) if (key === name) found = value;
  return found;
}

function* headersAt(cursor: Cursor): Generator<Header> {
  for (let count = cursor.varint(); count > 0; count--)
    yield [text.decode(cursor.sized() ?? new Uint8Array(0)), cursor.sized()];
}
