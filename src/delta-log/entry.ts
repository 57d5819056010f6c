import { HashbrookError } from "../core/errors.js";
import { canonicalJson, hex64 } from "../core/hash.js";
import { xxh64 } from "../kernels/hash.js";
import { checkEntryHeader, type EntryFacts, type EntryHeader } from "./header.js";
import {
  finite,
  fromHalves,
  fromInt4,
  fromInt8,
  int4Bytes,
  type Precision,
  toHalves,
  toInt4,
  toInt8,
} from "./precision.js";
import type { CalibrationState, DenseSlice, ServingRows, ServingState } from "./state.js";

/*
 * One part of an entry (docs/FORMATS.md):
 *
 *     8 bytes  "HBDELTA\n"
 *     u32      format version, 1
 *     u32      H
 *     H bytes  canonical JSON, padded with spaces to a multiple of 8
 *     arrays   one after the other, each padded with zeros to a multiple of 8
 *     u64      XXH64 of everything before
 */
const MAGIC = 0x0a41544c45444248n;
export const VERSION = 1;
/** Number of f64 per slice of a calibrator. */
const TOTALS = 5;
const HEAD = 16;
const TAIL = 8;

export type { EntryFacts } from "./header.js";

export interface EntryPart extends EntryFacts {
  readonly state: ServingState;
  /** 16 hex digits. */
  readonly checksum: string;
}

const padded = (bytes: number): number => (bytes + 7) & ~7;

type Arrays = Uint8Array | Uint16Array | Uint32Array | Int8Array | Float32Array | Float64Array | BigUint64Array;

/** The bytes of one part. Equal facts and states have equal bytes. */
export function encodePart(facts: EntryFacts, state: ServingState): Uint8Array {
  return framed(headerOf(facts, state), arraysOf(state, facts.precision));
}

function headerOf(facts: EntryFacts, { statistics, dense, tables, calibration }: ServingState): EntryHeader {
  return {
    ...facts,
    statistics: statistics?.length ?? null,
    dense: dense.map(({ name, at, data }) => ({ name, at, size: data.length })),
    tables: tables.map(({ name, dim, keys, removed }) => ({ name, dim, rows: keys.length, removed: removed.length })),
    ...(calibration && { calibration: lengthsOf(calibration) }),
  };
}

/** In the header's order. */
function arraysOf({ statistics, dense, tables, calibration }: ServingState, precision: Precision): Arrays[] {
  return [
    ...(statistics ? [statistics] : []),
    ...dense.map(({ data }) => finite(data)),
    ...tables.flatMap((table) => [table.keys, table.removed, ...weightArrays(table, precision)]),
    ...(calibration ? [calibration.keys, calibration.lengths, calibration.values, calibration.totals] : []),
  ];
}

function framed(header: EntryHeader, arrays: readonly Arrays[]): Uint8Array {
  const text = new TextEncoder().encode(canonicalJson(header));
  const body = HEAD + padded(text.length);
  const out = new Uint8Array(body + arrays.reduce((sum, array) => sum + padded(array.byteLength), 0) + TAIL);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, MAGIC, true);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, padded(text.length), true);
  out.fill(0x20, HEAD, body);
  out.set(text, HEAD);
  let at = body;
  for (const { buffer, byteOffset, byteLength } of arrays) {
    out.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += padded(byteLength);
  }
  view.setBigUint64(at, xxh64(out.subarray(0, at)), true);
  return out;
}

/** Slices of values, and floats of all curves. */
function lengthsOf({ keys, values, names }: CalibrationState): NonNullable<EntryHeader["calibration"]> {
  return { slices: keys.length, values: values.length, names };
}

function weightArrays({ weights: raw, dim }: ServingRows, precision: Precision): Arrays[] {
  const weights = finite(raw);
  if (precision === "f32") return [weights];
  if (precision === "f16") return [toHalves(weights)];
  if (precision === "int4") {
    const { scales, nibbles } = toInt4(weights, dim);
    return [scales, nibbles];
  }
  const { scales, values } = toInt8(weights, dim);
  return [scales, values];
}

/**
 * Reads one part, converting weights to f32 from any precision.
 * @throws HashbrookError log_damaged if a byte is wrong or missing; log_mismatch if a newer Hashbrook wrote it
 */
export function decodePart(bytes: Uint8Array): EntryPart {
  const header = readHeader(bytes);
  const arrays = new Reader(bytes, HEAD + headerBytes(bytes));
  const statistics = header.statistics === null ? null : new Float64Array(arrays.take(header.statistics, 8));
  const dense: DenseSlice[] = header.dense.map(({ name, at, size }) => {
    return { name, at, data: new Float32Array(arrays.take(size, 4)) };
  });
  const tables = header.tables.map(({ name, dim, rows, removed }) => {
    const keys = new BigUint64Array(arrays.take(rows, 8));
    const gone = new BigUint64Array(arrays.take(removed, 8));
    return { name, dim, keys, removed: gone, weights: readWeights(arrays, rows, dim, header.precision) };
  });
  const calibration = header.calibration && readCalibration(arrays, header.calibration);
  arrays.end(bytes.length - TAIL);
  const { kind, run, number, version, link, part, parts, precision, times, spec, held } = header;
  const facts = {
    kind,
    run,
    number,
    version,
    link,
    part,
    parts,
    precision,
    times,
    spec,
    ...(held !== undefined && { held }),
  };
  const state = { tables, dense, statistics, ...(calibration && { calibration }) };
  return { ...facts, state, checksum: checksumOf(bytes) };
}

/**
 * The facts of a part, without reading its arrays.
 * @throws HashbrookError as decodePart does
 */
export function readFacts(bytes: Uint8Array): Omit<EntryPart, "state"> {
  const { statistics: _, dense: __, tables: ___, calibration: ____, ...facts } = readHeader(bytes);
  return { ...facts, checksum: checksumOf(bytes) };
}

/** Checks the frame of a part and its checksum, and reads its header. */
function readHeader(bytes: Uint8Array): EntryHeader {
  if (bytes.length < HEAD + TAIL) throw damaged(`${bytes.length} bytes are too few for an entry`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = bytes.subarray(0, bytes.length - TAIL);
  if (xxh64(body) !== view.getBigUint64(body.length, true)) throw damaged("its content does not match its checksum");
  if (view.getBigUint64(0, true) !== MAGIC) throw damaged("it does not begin with HBDELTA");
  const version = view.getUint32(8, true);
  if (version !== VERSION) throw newer(version);
  if (HEAD + headerBytes(bytes) > body.length) throw damaged("its header is longer than the entry");
  const text = new TextDecoder().decode(body.subarray(HEAD, HEAD + headerBytes(bytes)));
  return checkEntryHeader(parse(text));
}

function headerBytes(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(12, true);
}

/** The link of snapshot 0. */
export const NO_LINK = "0".repeat(16);

/** An entry's link: XXH64 (16 hex digits) of its parts' checksums, concatenated as text. */
export function linkOf(checksums: Iterable<string>): string {
  return hex64(xxh64([...checksums].join("")));
}

/** The checksum at the end of an entry's part. */
export function checksumOf(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return hex64(view.getBigUint64(bytes.length - TAIL, true));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged((error as Error).message);
  }
}

function readCalibration(
  arrays: Reader,
  { slices, values, names }: NonNullable<EntryHeader["calibration"]>,
): CalibrationState {
  const keys = new BigUint64Array(arrays.take(slices, 8));
  const lengths = new Uint32Array(arrays.take(slices + 1, 4));
  const curves = new Float32Array(arrays.take(values, 4));
  return { keys, names, lengths, values: curves, totals: new Float64Array(arrays.take((slices + 1) * TOTALS, 8)) };
}

function readWeights(arrays: Reader, rows: number, dim: number, precision: Precision): Float32Array {
  const count = rows * dim;
  if (precision === "f32") return new Float32Array(arrays.take(count, 4));
  if (precision === "f16") return fromHalves(new Uint16Array(arrays.take(count, 2)));
  const scales = new Float32Array(arrays.take(rows, 4));
  if (precision === "int4") return fromInt4(new Uint8Array(arrays.take(rows, int4Bytes(dim))), scales, dim);
  return fromInt8(new Int8Array(arrays.take(count, 1)), scales, dim);
}

/** Reads the arrays of a part one after the other. */
class Reader {
  private readonly bytes: Uint8Array;
  private at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** A copy of the next `count` elements of `size` bytes. */
  take(count: number, size: number): ArrayBuffer {
    const end = this.at + count * size;
    if (end > this.bytes.length - TAIL) throw damaged("its arrays are longer than the entry");
    // Not slice: a Buffer's shares its memory.
    const copy = new Uint8Array(count * size);
    copy.set(this.bytes.subarray(this.at, end));
    this.at += padded(count * size);
    return copy.buffer;
  }

  end(at: number): void {
    if (this.at !== at) throw damaged("its arrays are shorter than the entry");
  }
}

function damaged(reason: string): HashbrookError {
  return new HashbrookError("log_damaged", `entry of the delta log: damaged: ${reason}`);
}

function newer(version: number): HashbrookError {
  const message = `entry of the delta log: format version ${version}; this Hashbrook reads version ${VERSION}`;
  return new HashbrookError("log_mismatch", message, {
    hint: "use the Hashbrook version that wrote it, or a newer one",
  });
}
