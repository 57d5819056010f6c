import { createRequire } from "node:module";

/** kafkajs's encoder of requests: the buffers in `parts`, which are our addition, then `buf` up to `offset`. */
interface Encoder {
  buf: Buffer;
  offset: number;
  parts?: Buffer[];
  readonly buffer: Buffer;
}

type Prototype = Encoder & {
  writeBufferInternal(bytes: Buffer): void;
  writeEncoder(value: Encoder): Encoder;
  writeEncoderArray(values: readonly Encoder[]): Encoder;
  size(): number;
};

const LARGE_BYTES = 64 << 10;
const SMALL_BYTES = 512;

let keeps = false;

/**
 * kafkajs copies a message at each of seven levels of a request, into buffers of up to twice its size that are zeroed
 * first. This changes its encoders to keep large parts by reference until all bytes are needed in one buffer: for the
 * checksum, and for sending. Can be called repeatedly.
 */
export function keepLargeParts(): void {
  if (keeps) return;
  keeps = true;
  const { prototype } = createRequire(import.meta.url)("kafkajs/src/protocol/encoder") as { prototype: Prototype };
  const { writeBufferInternal } = prototype;
  prototype.writeBufferInternal = function (bytes) {
    if (bytes.length < LARGE_BYTES) writeBufferInternal.call(this, bytes);
    else keep(this, bytes);
  };
  prototype.writeEncoder = function (value) {
    // Some requests are not encoders and only have a `buffer`.
    for (const part of value.parts ? partsOf(value) : [value.buffer]) this.writeBufferInternal(part);
    return this;
  };
  prototype.writeEncoderArray = function (values) {
    for (const value of values) this.writeEncoder(value);
    return this;
  };
  prototype.size = function () {
    return partsOf(this).reduce((sum, { length }) => sum + length, 0);
  };
  Object.defineProperty(prototype, "buffer", {
    get(this: Encoder) {
      return joined(this);
    },
  });
}

function keep(encoder: Encoder, bytes: Buffer): void {
  encoder.parts = [...partsOf(encoder), bytes];
  [encoder.buf, encoder.offset] = [Buffer.alloc(SMALL_BYTES), 0];
}

/** All buffers of an encoder, in order. */
function partsOf({ parts = [], buf, offset }: Encoder): readonly Buffer[] {
  return offset > 0 ? [...parts, buf.subarray(0, offset)] : parts;
}

function joined(encoder: Encoder): Buffer {
  if (!encoder.parts) return encoder.buf.subarray(0, encoder.offset);
  const parts = partsOf(encoder);
  if (parts.length === 1) return parts[0];
  const whole = Buffer.concat(parts);
  encoder.parts = [whole];
  [encoder.buf, encoder.offset] = [Buffer.alloc(SMALL_BYTES), 0];
  return whole;
}
