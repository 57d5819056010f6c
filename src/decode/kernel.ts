import { fixedPoint, twosComplement } from "../core/fixed-point.js";
import { instantiate } from "../kernels/wasm.js";

/** How a scan ended. */
export const STATUS = { more: 0, full: 1, reject: 2 } as const;

/** Formats with one row per line. */
export const LINE_FORMAT = { json: 0, vw: 1, libsvm: 2, libffm: 3 } as const;

/**
 * How reading a score request ended: there are more candidates; that was the last one; or the body is unusual and needs
 * the exact path.
 */
export const REQUEST = { more: 0, last: 1, odd: 2 } as const;

/**
 * Exports of the kernel module `scan` (src/kernels/assembly/scan/index.ts). Addresses and sizes are unsigned 32-bit
 * numbers.
 */
export interface ScanKernel {
  heapBase(): number;
  configure(plan: number, joined: number, powers: number): void;
  setMembers(heads: number, headCount: number, nodes: number, nodesEnd: number): void;
  /** Address of the head of the hash chain that a member name under a node belongs to. */
  chainOf(parent: number, name: number, size: number): number;
  xxh64(at: number, size: number, seed: bigint): bigint;
  isUtf8(at: number, end: number): number;
  parseNumber(at: number, size: number): number;
  setCursor(at: number): void;
  setRows(rows: number): void;
  scanDelimited(limit: number, end: number, ended: boolean, capacity: number): number;
  /** @param format one of LINE_FORMAT */
  scanLines(limit: number, capacity: number, format: number): number;
  scanMessage(start: number, end: number, format: number): number;
  /**
   * One message whose bytes from `body` on are one Avro record.
   * @param steps where the steps that read it are (struct Step)
   */
  scanAvro(start: number, body: number, end: number, steps: number, stepsEnd: number): number;
  /** As `scanAvro`, for a Protobuf message. @param message address of its plan (struct Message) */
  scanProtobuf(start: number, body: number, end: number, message: number): number;
  /** Memory for Protobuf messages whose parts must be put together: SPARE_BYTES. */
  setSpare(at: number): void;
  /** Rejects a message with an unknown schema. */
  refuseUnknown(start: number, end: number): number;
  refuseMessage(start: number, end: number): number;
  readContext(at: number, end: number, copy: number): number;
  readCandidate(at: number, end: number, copy: number, row: number): number;
  /**
   * Finds context, candidates and options in the request body [at, end), which is followed by a zero byte. @returns
   * REQUEST.more, .last (the whole body was examined) or .odd
   */
  openRequest(at: number, end: number): number;
  /** Reads candidates from address `at` into rows `row` to before `most`. @returns one of REQUEST */
  readCandidates(at: number, copy: number, row: number, most: number): number;
  /** Whether nothing follows the candidates in [at, end), except the options if they are `wanted`. */
  endRequest(at: number, end: number, wanted: boolean): number;
  /** Reads tensors (struct Tensor) whose single row applies to all rows. @returns false if a value is invalid */
  readShared(tensors: number, end: number, copy: number): number;
  /** Reads the tensors' next rows into rows `row` to before `most`. @returns false if one cannot be read */
  readRows(tensors: number, end: number, copy: number, row: number, most: number): number;
  getOptionsAt(): number;
  getOptionsEnd(): number;
  getContextAt(): number;
  getContextEnd(): number;
  getNextAt(): number;
  getNextRow(): number;
  /** Memory for the list of members that no field reads, and for 256 u64. */
  openUnknown(at: number, limit: number, seen: number): void;
  /** Size of that list in bytes; clears it and ends the reading of a part of a request. */
  takeUnknown(): number;
  takeChanges(): number;
  /** Address of the list of values that never varied (struct Watch). */
  getWatches(): number;
  getWatchesEnd(): number;
  keepRow(code: number): void;
  /** Whether the kept rows must be taken before another row is read. */
  keptFull(): number;
  takeKept(): number;
  getCursor(): number;
  getRows(): number;
  getLines(): number;
  getCode(): number;
  getRowStart(): number;
  getRowEnd(): number;
  getRowLine(): number;
  getFailedSlot(): number;
}

/** An instance of the kernel with its own memory. */
export function scanKernel(): { memory: WebAssembly.Memory; kernel: ScanKernel } {
  const number = (at: number, size: number): number => {
    return Number(Buffer.from(memory.buffer, at >>> 0, size >>> 0).toString("latin1"));
  };
  const write = (digits: string, to: number): number => {
    const written = Buffer.from(digits, "latin1");
    new Uint8Array(memory.buffer).set(written, to >>> 0);
    return written.length;
  };
  const text = (x: number, to: number): number => write(String(x), to);
  const decimal = (at: number, size: number, places: number, to: number): number => {
    const value = twosComplement(new Uint8Array(memory.buffer, at >>> 0, size));
    return write(fixedPoint(value, places), to);
  };
  const { memory, kernel } = instantiate<ScanKernel>("scan", { number, text, decimal });
  return { memory, kernel };
}
