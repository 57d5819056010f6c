const NO_ID = Buffer.alloc(16);

/** The body of a Metadata v12 request for one topic, including the client name of the request header. */
export function metadataPayload(topic: string): Buffer {
  const name = Buffer.from(topic);
  // Tagged fields of the header; one topic: no id, its name, no tagged fields; no automatic creation, no authorized
  // operations, no tagged fields.
  return Buffer.concat([
    varint(0),
    varint(2),
    NO_ID,
    varint(name.length + 1),
    name,
    varint(0),
    Buffer.from([0, 0]),
    varint(0),
  ]);
}

/** The topic's id in the response; null if the broker has none. */
export function topicIdIn(answer: Buffer): string | null {
  const reader = new Reader(answer);
  reader.tags();
  reader.skip(4); // throttle time
  reader.each(() => {
    reader.skip(4);
    reader.text();
    reader.skip(4);
    reader.text();
    reader.tags();
  });
  reader.text(); // the cluster's id
  reader.skip(4); // the controller
  let id: Buffer | null = null;
  // Only one topic was requested, so what follows its id can be ignored.
  if (reader.varint() > 1) {
    reader.skip(2);
    reader.text();
    id = reader.bytes(16);
  }
  return id === null || id.equals(NO_ID) ? null : id.toString("hex");
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

/** Kafka's compact types. */
class Reader {
  private at = 0;
  private readonly buffer: Buffer;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.buffer.readUInt8(this.at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  skip(count: number): void {
    this.at += count;
  }

  bytes(count: number): Buffer {
    this.at += count;
    return this.buffer.subarray(this.at - count, this.at);
  }

  text(): void {
    this.skip(Math.max(0, this.varint() - 1));
  }

  each(read: () => void): void {
    for (let count = this.varint(); count > 1; count--) read();
  }

  tags(): void {
    for (let count = this.varint(); count > 0; count--) {
      this.varint();
      this.skip(this.varint());
    }
  }
}
