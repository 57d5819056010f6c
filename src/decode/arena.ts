import { bytesOf } from "../core/blocks.js";
import { structBytes } from "../kernels/layouts.js";
import { ensureBytes } from "../kernels/wasm.js";

/** Bytes beyond every allocation that vector loads and stores may touch. */
const SLACK = 64;

/** Allocates consecutive zeroed regions of a kernel's memory, which are never freed. */
export class Arena {
  private readonly memory: WebAssembly.Memory;
  private end: number;

  /** @param base the first free byte */
  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory;
    this.end = base;
  }

  /** @returns the address of `bytes` bytes, aligned to 64 */
  take(bytes: number): number {
    const at = (this.end + 63) & ~63;
    this.end = at + bytes + SLACK;
    ensureBytes(this.memory, this.end);
    return at;
  }

  bytes(bytes: Uint8Array): number {
    const at = this.take(bytes.length);
    new Uint8Array(this.memory.buffer).set(bytes, at);
    return at;
  }

  doubles(values: readonly number[]): number {
    return this.bytes(new Uint8Array(Float64Array.from(values).buffer));
  }

  longs(values: BigUint64Array): number {
    return this.bytes(bytesOf(values));
  }

  /** u32 words. */
  words(values: readonly number[]): number {
    return this.bytes(new Uint8Array(Uint32Array.from(values).buffer));
  }

  struct(struct: Struct): number {
    return this.bytes(struct.bytes());
  }

  /** Structs or pointers, laid out contiguously. @returns the addresses of the first and of the end */
  structs(list: readonly Laid[]): { at: number; end: number } {
    const at = this.bytes(Buffer.concat(list.map((struct) => struct.bytes())));
    return { at, end: at + list.reduce((sum, struct) => sum + struct.bytes().length, 0) };
  }

  /** Writes to memory that was allocated before. */
  write(at: number, bytes: Uint8Array): void {
    new Uint8Array(this.memory.buffer).set(bytes, at);
  }

  /** Fills `count` f32 from an address on. */
  fill(at: number, value: number, count: number): void {
    new Float32Array(this.memory.buffer, at, count).fill(value);
  }

  /** Changes the u32 at an address. */
  poke(at: number, value: number): void {
    new DataView(this.memory.buffer).setUint32(at, value, true);
  }

  peek(at: number): number {
    return new DataView(this.memory.buffer).getUint32(at, true);
  }
}

/** What is laid out in a kernel's memory. */
export interface Laid {
  bytes(): Uint8Array;
}

/** One struct of the scan kernel, with fields by name; offsets come from the kernel's own layout. */
export class Struct implements Laid {
  private readonly content: Uint8Array;

  constructor(name: string, fields: Readonly<Record<string, number | bigint>>) {
    this.content = structBytes("scan", name, fields);
  }

  bytes(): Uint8Array {
    return this.content;
  }
}

/** A pointer to a struct, as an element of a list. */
export class Pointer implements Laid {
  private readonly to: number;

  constructor(to: number) {
    this.to = to;
  }

  bytes(): Uint8Array {
    return new Uint8Array(Uint32Array.of(this.to).buffer);
  }
}
