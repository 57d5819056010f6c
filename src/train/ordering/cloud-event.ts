import { partsOf } from "../../sources/kafka/message-parts.js";
import type { Messages } from "../../sources/messages.js";

const PREFIX = "ce_";
const STRUCTURED = "application/cloudevents";
const NO_HEADERS = 0;
/** What is no attribute, but the values themselves. */
const DATA = ["data", "data_base64"];

/**
 * Message i, a CloudEvent in binary mode (attributes in headers, its data alone for a value), as one in structured mode, in memory of its own: one JSON
 * object, whose attributes are texts. Undefined where it is one as it stands, where it has no value, or one that is no JSON.
 */
export function structured(messages: Messages, i: number): Uint8Array | undefined {
  const { bytes, ends, keysAt } = messages;
  if (!keysAt || bytes[ends[i]] === NO_HEADERS) return undefined;
  const { value, headers } = partsOf(messages, i);
  const attributes = new Map<string, string>();
  for (const [name, content] of headers) {
    const attribute = attributeOf(name);
    if (content && attribute) attributes.set(attribute, Buffer.from(content).toString());
  }
  const isStructured = attributes.get("datacontenttype")?.toLowerCase().startsWith(STRUCTURED) ?? false;
  if (isStructured || !attributes.has("specversion") || !value || !isJson(value)) return undefined;
  const members = [...attributes].map(([name, text]) => `${JSON.stringify(name)}:${JSON.stringify(text)},`);
  return Buffer.concat([Buffer.from(`{${members.join("")}"data":`), value, Buffer.from("}")]);
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
