import { hex64 } from "../core/hash.js";
import { Xxh64 } from "../kernels/hash.js";

/** XXH64 (seed 0) of bytes that arrive in pieces, in the notation of checkpoints. */
export class Checksum {
  private readonly pieces = new Xxh64();

  update(data: Uint8Array): this {
    this.pieces.update(data);
    return this;
  }

  /** 16 lower-case hex digits, most significant first. */
  digest(): string {
    return hex64(this.pieces.digest());
  }
}

/** XXH64 (seed 0) of `data` as 16 lower-case hex digits. */
export function checksumOf(data: Uint8Array): string {
  return new Checksum().update(data).digest();
}
