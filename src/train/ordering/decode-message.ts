import type { Decoder } from "../../decode/decoder.js";
import type { Messages } from "../../sources/messages.js";
import { decodeWithSchema, structured } from "./cloud-event.js";
import { schemaHeader } from "./schema-header.js";

/** Decodes message i, using its headers where relevant. */
export function decodeMessage(decoder: Decoder, messages: Messages, i: number): void {
  const { spec, schemas } = decoder;
  const { envelope } = spec.events;
  const { bytes, starts, ends, offsets } = messages;
  const event = envelope && !schemas ? structured(messages, i) : undefined;
  if (envelope && schemas) decodeWithSchema(decoder, schemas, messages, i);
  else if (event) decoder.message(event, 0, event.length, offsets[i]);
  else decoder.message(bytes, starts[i], ends[i], offsets[i], schemas && schemaHeader(messages, i));
}
