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

interface Head {
  readonly head: unknown;
  readonly arrays: readonly (readonly [kind: keyof typeof kinds, length: number])[];
}

/**
 * Plain data and arrays as bytes: u32 length of a JSON text, the text, then the arrays, each at a multiple of 8 bytes
 * (little-endian, as everywhere).
 */
export function packArrays(head: unknown, arrays: readonly Packable[]): Uint8Array {
  const described: Head = { head, arrays: arrays.map((array) => [kindOf(array), array.length]) };
  const text = new TextEncoder().encode(JSON.stringify(described));
  let end = aligned(4 + text.length);
  const places = arrays.map(({ byteLength }) => {
    const at = end;
    end = aligned(end + byteLength);
    return at;
  });
  const bytes = new Uint8Array(end);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  arrays.forEach(({ buffer, byteOffset, byteLength }, i) => {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), places[i]);
  });
  return bytes;
}

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
    if (end > bytes.length) throw new RangeError("the bytes end within an array");
    // A Buffer's own slice is a view.
    const part = views ? bytes.subarray(at, end) : Uint8Array.prototype.slice.call(bytes, at, end);
    at = aligned(end);
    return new kinds[kind](part.buffer as ArrayBuffer, part.byteOffset, length);
  });
  return { head, arrays: unpacked };
}

const aligned = (bytes: number): number => (bytes + 7) & ~7;

function kindOf(array: Packable): keyof typeof kinds {
  if (array instanceof Uint8Array) return "u8";
  if (array instanceof Uint16Array) return "u16";
  if (array instanceof Uint32Array) return "u32";
  if (array instanceof BigUint64Array) return "u64";
  return array instanceof Float32Array ? "f32" : "f64";
}
