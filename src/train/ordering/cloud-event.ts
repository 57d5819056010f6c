import { type BinaryEvents, NO_SCHEMA } from "../../decode/binary-events.js";
import type { Decoder } from "../../decode/decoder.js";
import { partsOf } from "../../sources/kafka/message-parts.js";
import type { Messages } from "../../sources/messages.js";
import { schemaHeader } from "./schema-header.js";

const PREFIX = "ce_";
const STRUCTURED = "application/cloudevents";
const NO_HEADERS = 0;
/** What is no attribute, but the values themselves. */
const DATA = ["data", "data_base64"];

/** A CloudEvent in binary mode: its attributes are headers, its data alone a message's value. */
interface InHeaders {
  readonly attributes: ReadonlyMap<string, string>;
  readonly value: Uint8Array;
}

/** Undefined where message i is none in binary mode, or has no value. */
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
 * Message i, a CloudEvent in binary mode, as one in structured mode, in memory of its own: one JSON object, whose attributes are texts.
 * Undefined where it is one as it stands, where it has no value, or one that is no JSON.
 */
export function structured(messages: Messages, i: number): Uint8Array | undefined {
  const event = inHeaders(messages, i);
  if (!event || !isJson(event.value)) return undefined;
  const members = [...event.attributes].map(([name, text]) => `${JSON.stringify(name)}:${JSON.stringify(text)},`);
  return Buffer.concat([Buffer.from(`{${members.join("")}"data":`), event.value, Buffer.from("}")]);
}

/** Decodes message i, a CloudEvent in binary mode whose data a schema describes. One that is in no such mode is written by no schema. */
export function decodeWithSchema(decoder: Decoder, schemas: BinaryEvents, messages: Messages, i: number): void {
  const { bytes, starts, ends, offsets } = messages;
  const found = inHeaders(messages, i);
  if (found && found.value.length > 0) {
    const { event, named } = schemas.cloudEvent(found.attributes, found.value, schemaHeader(messages, i));
    decoder.message(event, 0, event.length, offsets[i], named);
  } else decoder.message(bytes, starts[i], ends[i], offsets[i], NO_SCHEMA);
}

/** The attribute that a header has; undefined: none. */
function attributeOf(name: string): string | undefined {
  if (name.toLowerCase() === "content-type") return "datacontenttype";
  const attribute = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "";
  return attribute === "" || DATA.includes(attribute) ? undefined : attribute;
}

/** What is no JSON might be some together with what comes before and behind it. */
function isJson(value: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.length).toString());
    return true;
  } catch {
    return false;
  }
}
