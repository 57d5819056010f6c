import type { MessageType } from "./proto-types.js";
import type { AnyType, RecordType } from "./types.js";

const NAME = "CloudEvent";
/** The member with an event's values; its attributes are beside it. */
export const DATA = "data";

/** Values of attributes, in the order given when the type was made; undefined: missing. */
export type Attributes = readonly (string | undefined)[];

/** A CloudEvent in binary mode as one record: its attributes (optional texts), then its data. */
export function avroCloudEvent(data: AnyType, attributes: readonly string[]): RecordType {
  const type: AnyType = { kind: "union", branches: [{ kind: "null" }, { kind: "text" }] };
  return {
    kind: "record",
    name: NAME,
    fields: [...attributes.map((name) => ({ name, type })), { name: DATA, type: data }],
  };
}

/** The bytes before the data of such a record. */
export function avroAttributes(values: Attributes): Buffer {
  return Buffer.concat(
    values.flatMap((value) => {
      if (value === undefined) return Buffer.of(0);
      const text = Buffer.from(value);
      return [Buffer.of(2), varint(2 * text.length), text];
    }),
  );
}

/** The same as one Protobuf message: its attributes have the numbers from 1 on, its data the next one. */
export function protoCloudEvent(data: MessageType, attributes: readonly string[]): MessageType {
  const type = { kind: "scalar", of: "string" } as const;
  const fields = attributes.map((name, i) => ({ name, number: i + 1, type }));
  return {
    kind: "message",
    name: NAME,
    fields: [...fields, { name: DATA, number: attributes.length + 1, type: data }],
  };
}

/** The bytes before the data (of `length` bytes) of such a message. */
export function protoAttributes(values: Attributes, length: number): Buffer {
  const texts = values.flatMap((value, i) => {
    if (value === undefined) return [];
    const text = Buffer.from(value);
    return [delimited(i + 1), varint(text.length), text];
  });
  return Buffer.concat([...texts, delimited(values.length + 1), varint(length)]);
}

/** The tag of a length-delimited field. */
const delimited = (number: number): Buffer => varint(8 * number + 2);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Buffer.from([...bytes, rest]);
}
