import { ensureBytes } from "../kernels/wasm.js";

/** Bytes beyond every allocation that vector loads and stores may touch. */
const SLACK = 64;

/** Gives out parts of a kernel's memory, zeroed, one after the other, never back. */
export class Arena {
  readonly #memory: WebAssembly.Memory;
  #end: number;

  /** @param base the first free byte */
  constructor(memory: WebAssembly.Memory, base: number) {
    this.#memory = memory;
    this.#end = base;
  }

  /** @returns the address of `bytes` bytes, aligned to 64 */
  take(bytes: number): number {
    const at = (this.#end + 63) & ~63;
    this.#end = at + bytes + SLACK;
    ensureBytes(this.#memory, this.#end);
    return at;
  }

  bytes(bytes: Uint8Array): number {
    const at = this.take(bytes.length);
    new Uint8Array(this.#memory.buffer).set(bytes, at);
    return at;
  }

  doubles(values: readonly number[]): number {
    return this.bytes(new Uint8Array(Float64Array.from(values).buffer));
  }

  longs(values: BigUint64Array): number {
    return this.bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** u32 words. */
  words(values: readonly number[]): number {
    return this.bytes(new Uint8Array(Uint32Array.from(values).buffer));
  }

  struct(struct: Struct): number {
    return this.bytes(struct.bytes());
  }

  /** Structs side by side. @returns the addresses of the first and of the end */
  structs(list: readonly Struct[]): { at: number; end: number } {
    const at = this.bytes(Buffer.concat(list.map((struct) => struct.bytes())));
    return { at, end: at + list.reduce((sum, struct) => sum + struct.bytes().length, 0) };
  }

  /** Writes a struct at an address. */
  set(at: number, struct: Struct): void {
    new Uint8Array(this.#memory.buffer).set(struct.bytes(), at);
  }

  /** Fills `count` f32 from an address on. */
  fill(at: number, value: number, count: number): void {
    new Float32Array(this.#memory.buffer, at, count).fill(value);
  }

  /** Changes the u32 at an address. */
  poke(at: number, value: number): void {
    new DataView(this.#memory.buffer).setUint32(at, value, true);
  }

  peek(at: number): number {
    return new DataView(this.#memory.buffer).getUint32(at, true);
  }
}

/** The fields of one kernel struct, in order of declaration: u32, u64 and f64, each aligned to its size. */
export class Struct {
  readonly #fields: { at: number; write: (view: DataView, at: number) => void }[] = [];
  #size = 0;

  #add(bytes: number, write: (view: DataView, at: number) => void): this {
    const at = (this.#size + bytes - 1) & -bytes;
    this.#fields.push({ at, write });
    this.#size = at + bytes;
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) this.#add(4, (view, at) => view.setUint32(at, value, true));
    return this;
  }

  u64(value: bigint): this {
    return this.#add(8, (view, at) => view.setBigUint64(at, value, true));
  }

  f64(value: number): this {
    return this.#add(8, (view, at) => view.setFloat64(at, value, true));
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#size);
    const view = new DataView(bytes.buffer);
    for (const { at, write } of this.#fields) write(view, at);
    return bytes;
  }
}
