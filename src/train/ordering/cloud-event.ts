import { type BinaryEvents, NO_SCHEMA } from "../../decode/binary-events.js";
import type { Decoder } from "../../decode/decoder.js";
import { partsOf } from "../../sources/kafka/message-parts.js";
import type { Messages } from "../../sources/messages.js";
import { schemaHeader } from "./schema-header.js";

const PREFIX = "ce_";
const STRUCTURED = "application/cloudevents";
const NO_HEADERS = 0;
/** The members with the values themselves, which are not attributes. */
const DATA = ["data", "data_base64"];

/** A CloudEvent in binary mode: its attributes are headers, and the message's value is its data. */
interface InHeaders {
  readonly attributes: ReadonlyMap<string, string>;
  readonly value: Uint8Array;
}

/** Undefined if message i is not in binary mode, or has no value. */
function inHeaders(messages: Messages, i: number): InHeaders | undefined {
  const { bytes, ends, keysAt } = messages;
  if (!keysAt || bytes[ends[i]] === NO_HEADERS) return undefined;
  const { value, headers } = partsOf(messages, i);
  const attributes = new Map<string, string>();
  for (const [name, content] of headers) {
    const attribute = attributeOf(name);
    if (content && attribute) attributes.set(attribute, Buffer.from(content).toString());
  }
  const isStructured = attributes.get("datacontenttype")?.toLowerCase().startsWith(STRUCTURED) ?? false;
  return isStructured || !attributes.has("specversion") || !value ? undefined : { attributes, value };
}

/**
 * Converts message i, a CloudEvent in binary mode, to one in structured mode, in new memory: one JSON object, with
 * attributes as texts. Undefined if it is in structured mode already, has no value, or one that is not JSON.
 */
export function structured(messages: Messages, i: number): Uint8Array | undefined {
  const event = inHeaders(messages, i);
  if (!event || !isJson(event.value)) return undefined;
  const members = [...event.attributes].map(([name, text]) => `${JSON.stringify(name)}:${JSON.stringify(text)},`);
  return Buffer.concat([Buffer.from(`{${members.join("")}"data":`), event.value, Buffer.from("}")]);
}

/**
 * Decodes message i, a CloudEvent in binary mode whose data a schema describes. If it is not in binary mode, its schema
 * counts as unknown.
 */
export function decodeWithSchema(decoder: Decoder, schemas: BinaryEvents, messages: Messages, i: number): void {
  const { bytes, starts, ends, offsets } = messages;
  const found = inHeaders(messages, i);
  if (found && found.value.length > 0) {
    const { event, named } = schemas.cloudEvent(found.attributes, found.value, schemaHeader(messages, i));
    decoder.message(event, 0, event.length, offsets[i], named);
  } else decoder.message(bytes, starts[i], ends[i], offsets[i], NO_SCHEMA);
}

/** The attribute of a header; undefined: none. */
function attributeOf(name: string): string | undefined {
  if (name.toLowerCase() === "content-type") return "datacontenttype";
  const attribute = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "";
  return attribute === "" || DATA.includes(attribute) ? undefined : attribute;
}

/** Checked separately, since a value that is not JSON might become valid together with what is put around it. */
function isJson(value: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.length).toString());
    return true;
  } catch {
    return false;
  }
}
