const kinds = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

/** An array that can be packed. */
export type Packable = Uint8Array | Uint16Array | Uint32Array | BigUint64Array | Float32Array | Float64Array;

type Kind = keyof typeof kinds;

/** An array to pack whose bytes are written where they are to be, without a copy before. */
export interface Part {
  readonly kind: Kind;
  /** Number of its elements. */
  readonly length: number;
  /** @param bytes exactly as many as the array has */
  write(bytes: Uint8Array): void;
}

interface Head {
  readonly head: unknown;
  readonly arrays: readonly (readonly [kind: Kind, length: number])[];
}

/**
 * Plain data and arrays as bytes: u32 length of a JSON text, the text, then the arrays, each at a multiple of 8 bytes
 * (little-endian, as everywhere).
 */
export function packArrays(head: unknown, arrays: readonly (Packable | Part)[]): Uint8Array {
  return written(packedPart(head, arrays));
}

/** The bytes of a part of kind u8. */
export function written(part: Part): Uint8Array {
  const bytes = new Uint8Array(part.length);
  part.write(bytes);
  return bytes;
}

/** As `packArrays`, for bytes that are part of others, or are written later. The bytes that `write` is given must be zero. */
export function packedPart(head: unknown, arrays: readonly (Packable | Part)[]): Part {
  const parts = arrays.map((array) => (ArrayBuffer.isView(array) ? partOf(array) : array));
  const described: Head = { head, arrays: parts.map(({ kind, length }) => [kind, length]) };
  const text = new TextEncoder().encode(JSON.stringify(described));
  let end = aligned(4 + text.length);
  const places = parts.map((part) => {
    const from = end;
    end = aligned(from + bytesOf(part));
    return { part, from };
  });
  const write = (bytes: Uint8Array) => {
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, text.length, true);
    bytes.set(text, 4);
    for (const { part, from } of places) part.write(bytes.subarray(from, from + bytesOf(part)));
  };
  return { kind: "u8", length: end, write };
}

function partOf(array: Packable): Part {
  const { buffer, byteOffset, byteLength, length } = array;
  return {
    kind: kindOf(array),
    length,
    write: (bytes) => bytes.set(new Uint8Array(buffer, byteOffset, byteLength)),
  };
}

const bytesOf = ({ kind, length }: Part): number => length * kinds[kind].BYTES_PER_ELEMENT;

/**
 * What `packArrays` packed.
 * @param bytes if `views` is true: must begin at a multiple of 8 in their buffer, and must not change
 * @param views the arrays are views of `bytes`. Default false: they are copies
 * @throws RangeError, SyntaxError if bytes are missing or malformed
 */
export function unpackArrays(bytes: Uint8Array, views = false): { head: unknown; arrays: Packable[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const { head, arrays } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as Head;
  let at = aligned(4 + length);
  const unpacked = arrays.map(([kind, length]) => {
    const end = at + length * kinds[kind].BYTES_PER_ELEMENT;
    if (end > bytes.length) throw new RangeError("truncated inside an array");
    // A Buffer's own slice is a view.
    const part = views ? bytes.subarray(at, end) : Uint8Array.prototype.slice.call(bytes, at, end);
    at = aligned(end);
    return new kinds[kind](part.buffer as ArrayBuffer, part.byteOffset, length);
  });
  return { head, arrays: unpacked };
}

const aligned = (bytes: number): number => (bytes + 7) & ~7;

function kindOf(array: Packable): Kind {
  if (array instanceof Uint8Array) return "u8";
  if (array instanceof Uint16Array) return "u16";
  if (array instanceof Uint32Array) return "u32";
  if (array instanceof BigUint64Array) return "u64";
  return array instanceof Float32Array ? "f32" : "f64";
}
