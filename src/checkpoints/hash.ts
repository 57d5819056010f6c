import { Xxh64 as Pieces } from "../kernels/hash.js";

/** XXH64 (seed 0) of bytes that come in pieces. */
export class Xxh64 {
  private readonly pieces = new Pieces();

  update(data: Uint8Array): this {
    this.pieces.update(data);
    return this;
  }

  /** 16 lower-case hex digits, most significant first. */
  digest(): string {
    return this.pieces.digest().toString(16).padStart(16, "0");
  }
}

/** XXH64 (seed 0) of `data` as 16 lower-case hex digits. */
export function xxh64(data: Uint8Array): string {
  return new Xxh64().update(data).digest();
}
