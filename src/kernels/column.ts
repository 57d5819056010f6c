import { structBytes } from "./layouts.js";
import { ensureBytes, instantiate, sharedMemory } from "./wasm.js";

/** Exports of kernels/column.wasm. */
interface ColumnKernel {
  heapBase(): number;
  hash(at: number, size: number): bigint;
  pack(
    from: number,
    stride: number,
    width: number,
    count: number,
    kind: number,
    to: number,
    scratch: number,
    slots: number,
  ): number;
  unpack(columns: number, end: number, from: number, count: number, batch: number, row: number): void;
  cross(parts: number, crosses: number, end: number, from: number, count: number, batch: number, row: number): void;
  sum(column: number, from: number, count: number): number;
  spread(column: number, from: number, count: number, to: number, start: number): number;
}

/** Bytes between two allocations, which vector loads and hashes may read beyond the end. */
const SLACK = 64;

/** Location of a column's section, and the destination of its elements (struct Column). */
export interface ColumnStruct {
  readonly codec: number;
  readonly width: number;
  readonly values: number;
  readonly codes: number;
  readonly to: number;
  readonly stride: number;
}

/** A column of a cross's keys: where the keys of its parts are, and the destination of its own (struct Cross). */
export interface CrossStruct {
  readonly parts: number;
  readonly count: number;
  readonly partBytes: number;
  readonly joined: number;
  readonly to: number;
  readonly stride: number;
  readonly seed: bigint;
}

/**
 * A column kernel with its own memory, from which regions are allocated and never freed. The memory is shared where
 * other threads read the batches.
 */
export class ColumnMemory {
  readonly memory: WebAssembly.Memory;
  readonly kernel: ColumnKernel;
  private end: number;

  constructor({ shared }: { shared: boolean }) {
    const { memory, kernel } = instantiate<ColumnKernel>("column", {}, shared ? sharedMemory() : undefined);
    this.memory = memory;
    this.kernel = kernel;
    this.end = kernel.heapBase();
  }

  /** Allocates memory. @returns the address of `bytes` bytes, aligned to 64 */
  take(bytes: number): number {
    const at = Math.ceil(this.end / 64) * 64;
    this.end = at + bytes + SLACK;
    ensureBytes(this.memory, this.end);
    return at;
  }

  /** A view, valid until the memory grows. */
  bytes(at: number, size: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, size);
  }

  words(at: number, count: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, at, count);
  }

  /** @returns the address behind them */
  writeColumns(at: number, columns: readonly ColumnStruct[]): number {
    return columns.reduce((to, column) => this.write(to, structBytes("column", "Column", { ...column })), at);
  }

  /** @returns the address behind them */
  writeCrosses(at: number, crosses: readonly CrossStruct[]): number {
    return crosses.reduce((to, cross) => this.write(to, structBytes("column", "Cross", { ...cross })), at);
  }

  private write(at: number, bytes: Uint8Array): number {
    this.bytes(at, bytes.length).set(bytes);
    return at + bytes.length;
  }

  /** XXH64 (seed 0), unsigned. */
  hash(at: number, size: number): bigint {
    return BigInt.asUintN(64, this.kernel.hash(at, size));
  }
}

/** A region of memory that is replaced by a larger one when it is too small. */
export class Area {
  private readonly memory: ColumnMemory;
  private at = 0;
  private size = 0;

  constructor(memory: ColumnMemory) {
    this.memory = memory;
  }

  /** @returns the address of at least `bytes` bytes */
  reserve(bytes: number): number {
    if (this.at > 0 && bytes <= this.size) return this.at;
    this.size = Math.max(1 << 16, 2 * bytes);
    this.at = this.memory.take(this.size);
    return this.at;
  }
}
