import { headerOf } from "../../sources/kafka/message-parts.js";
import type { Messages } from "../../sources/messages.js";

const NAME = "__value_schema_id";
const NO_HEADERS = 0;

/**
 * The id of message i's schema in its headers: byte 1 and a GUID of 16 bytes, or byte 0 and a number of 4. What follows
 * (Protobuf: the message's index in the schema) is appended after a colon, in hex. Undefined if there is none: the id
 * is before the value, if anywhere.
 */
export function schemaHeader(messages: Messages, i: number): string | undefined {
  if (!messages.keysAt || messages.bytes[messages.ends[i]] === NO_HEADERS) return undefined;
  const value = headerOf(messages, i, NAME);
  if (!value) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length >= 17 && bytes[0] === 1) return guidOf(bytes.toString("hex", 1, 17)) + rest(bytes, 17);
  return bytes.length >= 5 && bytes[0] === 0 ? String(bytes.readUInt32BE(1)) + rest(bytes, 5) : undefined;
}

const rest = (bytes: Buffer, from: number): string => (bytes.length === from ? "" : `:${bytes.toString("hex", from)}`);
const guidOf = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
