import xxhash from "xxhash-wasm";

const api = await xxhash();

/** xxhash-wasm copies its input into a memory that never shrinks: hand it slices of this many bytes. */
const SLICE_BYTES = 1 << 20;

function hex(digest: bigint): string {
  return digest.toString(16).padStart(16, "0");
}

/** XXH64 (seed 0) of bytes that come in pieces. */
export class Xxh64 {
  private readonly state = api.create64(0n);

  update(data: Uint8Array): this {
    for (let at = 0; at < data.byteLength; at += SLICE_BYTES) this.state.update(data.subarray(at, at + SLICE_BYTES));
    return this;
  }

  /** 16 lower-case hex digits, most significant first. */
  digest(): string {
    return hex(this.state.digest());
  }
}

/** XXH64 (seed 0) of `data` as 16 lower-case hex digits. */
export function xxh64(data: Uint8Array): string {
  return new Xxh64().update(data).digest();
}
