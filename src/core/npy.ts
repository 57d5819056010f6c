import { type Dtype, dtypeBytes } from "./blocks.js";

/** NumPy's type strings: byte order, kind, bytes. */
const kinds: Record<Dtype, string> = {
  U8: "|u1",
  I8: "|i1",
  F16: "<f2",
  U32: "<u4",
  I32: "<i4",
  F32: "<f4",
  U64: "<u8",
  I64: "<i8",
  F64: "<f8",
};

/** NumPy starts the data at a multiple of this, so that the file can be memory-mapped. */
const ALIGNMENT = 64;

/**
 * The bytes before the data of a .npy file (NumPy's format, version 1.0; 2.0 when the header passes 64 KiB):
 *
 *     "\x93NUMPY"   magic
 *     u8, u8        version: 1, 0 (2, 0)
 *     u16 (u32) LE  length of the rest of the header
 *     text          {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } padded with spaces, ending in \n
 *
 * The elements follow, row-major, little-endian.
 */
export function npyHeader(dtype: Dtype, shape: readonly number[]): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${kinds[dtype]}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const version = text.length + ALIGNMENT > 0xffff ? 2 : 1;
  const prefix = version === 1 ? 10 : 12;
  const total = Math.ceil((prefix + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = new Uint8Array(total).fill(0x20);
  header.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  const view = new DataView(header.buffer);
  if (version === 1) view.setUint16(8, total - prefix, true);
  else view.setUint32(8, total - prefix, true);
  header.set(new TextEncoder().encode(text), prefix);
  header[total - 1] = 0x0a;
  return header;
}

/** An array read from a .npy file. */
export interface NpyArray {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** A copy of the elements' bytes. */
  readonly data: Uint8Array;
}

/**
 * Reads a .npy file with a header as `npyHeader` makes it: row-major, one of our dtypes.
 * @throws RangeError for anything else
 */
export function decodeNpy(file: Uint8Array): NpyArray {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const version = view.getUint8(6);
  const prefix = version === 1 ? 10 : 12;
  const start = prefix + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  const text = new TextDecoder("latin1").decode(file.subarray(prefix, start));
  const match = /^\{'descr': '(.{3})', 'fortran_order': False, 'shape': \(([\d, ]*)\), \} *\n$/.exec(text);
  const dtype = (Object.keys(kinds) as Dtype[]).find((name) => kinds[name] === match?.[1]);
  if (!match || !dtype) throw new RangeError(`unsupported .npy header: ${text}`);
  const shape = (match[2].match(/\d+/g) ?? []).map(Number);
  const bytes = shape.reduce((product, size) => product * size, dtypeBytes[dtype]);
  if (file.byteLength - start !== bytes) throw new RangeError(`shape (${match[2]}) requires ${bytes} bytes of data`);
  return { dtype, shape, data: new Uint8Array(file.subarray(start)) };
}
