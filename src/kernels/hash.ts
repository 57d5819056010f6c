import type { KernelGlobal } from "./table.js";
import { instantiate, PAGE_BYTES } from "./wasm.js";

/** Exports of kernels/hash.wasm. */
interface HashKernel {
  hash(size: number, seed: bigint): bigint;
  start(seed: bigint): void;
  update(size: number): void;
  digest(): bigint;
  crc(size: number, crc: number): number;

  readonly stateAt: KernelGlobal;
  readonly inputAt: KernelGlobal;
}

const STATE_BYTES = 80;
/** Bytes are copied into the kernel's memory in pieces of this size, which stay in a core's cache. */
const PIECE_BYTES = 1 << 17;

const { memory, kernel } = instantiate<HashKernel>("hash");
memory.grow(PIECE_BYTES / PAGE_BYTES + 1);
const input = new Uint8Array(memory.buffer, kernel.inputAt.value, PIECE_BYTES);
const state = new Uint8Array(memory.buffer, kernel.stateAt.value, STATE_BYTES);
const encoder = new TextEncoder();
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

/** XXH64 of bytes, or of a text's UTF-8 bytes. `seed` is an unsigned 64-bit integer, 0 by default. */
export function xxh64(data: string | Uint8Array, seed = 0n): bigint {
  if (typeof data === "string") return xxh64OfText(data, seed);
  if (data.byteLength > PIECE_BYTES) return new Xxh64(seed).update(data).digest();
  input.set(data);
  return unsigned(kernel.hash(data.byteLength, seed));
}

/**
 * Encodes a short text directly into the kernel's input; creating an array of its bytes would take several times as
 * long as the hash.
 */
function xxh64OfText(text: string, seed: bigint): bigint {
  if (text.length * 3 > PIECE_BYTES) return xxh64(encoder.encode(text), seed);
  return unsigned(kernel.hash(encoder.encodeInto(text, input).written, seed));
}

/** CRC-32C (Castagnoli) of bytes, an unsigned 32-bit integer. */
export function crc32c(data: Uint8Array): number {
  let crc = 0;
  for (let at = 0; at < data.byteLength; at += PIECE_BYTES) {
    const piece = data.byteLength <= PIECE_BYTES ? data : data.subarray(at, at + PIECE_BYTES);
    input.set(piece);
    crc = kernel.crc(piece.byteLength, crc);
  }
  return crc >>> 0;
}

/** XXH64 of bytes that arrive in pieces. */
export class Xxh64 {
  private readonly kept: Uint8Array;

  constructor(seed = 0n) {
    kernel.start(seed);
    this.kept = state.slice();
  }

  update(data: Uint8Array): this {
    state.set(this.kept);
    for (let at = 0; at < data.byteLength; at += PIECE_BYTES) {
      const piece = data.subarray(at, at + PIECE_BYTES);
      input.set(piece);
      kernel.update(piece.byteLength);
    }
    this.kept.set(state);
    return this;
  }

  /** The hash of all pieces so far. */
  digest(): bigint {
    state.set(this.kept);
    return unsigned(kernel.digest());
  }
}
