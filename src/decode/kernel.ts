import { instantiate } from "../kernels/wasm.js";

/** What a scan ended with. */
export const STATUS = { more: 0, full: 1, reject: 2 } as const;

/** How a row that ends with its line is read. */
export const LINE_FORMAT = { json: 0, vw: 1, libsvm: 2, libffm: 3 } as const;

/** What reading a score request ended with: there are more candidates, that was the last, or it is not just what it should be. */
export const REQUEST = { more: 0, last: 1, odd: 2 } as const;

/** Exports of the kernel module `scan` (src/kernels/assembly/scan/index.ts). Addresses and sizes are unsigned 32-bit numbers. */
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
  /** One message whose bytes from `body` on are one Avro record. @param steps where the steps that read it are (struct Step) */
  scanAvro(start: number, body: number, end: number, steps: number, stepsEnd: number): number;
  /** The same of a Protobuf message. @param message where is what reads it (struct Message) */
  scanProtobuf(start: number, body: number, end: number, message: number): number;
  /** Gives Protobuf room for messages that come in parts: SPARE_BYTES. */
  setSpare(at: number): void;
  /** Rejects a message whose schema is not known. */
  refuseUnknown(start: number, end: number): number;
  refuseMessage(start: number, end: number): number;
  readContext(at: number, end: number, copy: number): number;
  readCandidate(at: number, end: number, copy: number, row: number): number;
  /** Finds context, candidates and options in the request body [at, end), behind which is a zero. @returns REQUEST.more, .last (all of it was looked at) or .odd */
  openRequest(at: number, end: number): number;
  /** Reads candidates from `at` on as rows from `row` to before `most`. @returns one of REQUEST */
  readCandidates(at: number, copy: number, row: number, most: number): number;
  /** Whether behind the candidates, [at, end), is nothing, or the options where they are `wanted`. */
  endRequest(at: number, end: number, wanted: boolean): number;
  /** Reads tensors (struct Tensor) whose one row holds for all rows. @returns false where a value is none */
  readShared(tensors: number, end: number, copy: number): number;
  /** Makes the next rows of tensors those from `row` to before `most`. @returns false where one cannot be read */
  readRows(tensors: number, end: number, copy: number, row: number, most: number): number;
  getOptionsAt(): number;
  getOptionsEnd(): number;
  getContextAt(): number;
  getContextEnd(): number;
  getNextAt(): number;
  getNextRow(): number;
  /** Room for a list of members that no field reads, and for 256 u64. */
  openUnknown(at: number, limit: number, seen: number): void;
  /** Bytes of that list, which is forgotten; ends the reading of a request's part. */
  takeUnknown(): number;
  takeChanges(): number;
  /** Where the values that never varied are listed (struct Watch). */
  getWatches(): number;
  getWatchesEnd(): number;
  keepRow(code: number): void;
  /** Whether the rows kept must be taken before another one is read. */
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

/** An instance of the kernel with a memory of its own. */
export function scanKernel(): { memory: WebAssembly.Memory; kernel: ScanKernel } {
  const number = (at: number, size: number): number => {
    return Number(Buffer.from(memory.buffer, at >>> 0, size >>> 0).toString("latin1"));
  };
  const text = (x: number, to: number): number => {
    const written = Buffer.from(String(x), "latin1");
    new Uint8Array(memory.buffer).set(written, to >>> 0);
    return written.length;
  };
  const { memory, kernel } = instantiate<ScanKernel>("scan", { number, text });
  return { memory, kernel };
}
