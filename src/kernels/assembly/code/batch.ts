// Matrices for a batch of distinct keys, which a decoder's graph reads and writes in place.
import { workspaceOf } from "../table/memory";
import { openHashes, writeCode } from "./hashes";

export let keysAt: usize = 0;
export let codesAt: usize = 0;
export let vectorsAt: usize = 0;
export let gradientsAt: usize = 0;
/** Decoder output of a scoring run: same as `vectors`, unless there is a cache. */
export let decodedAt: usize = 0;

let codeBytes: usize = 0;
export let vectorBytes: usize = 0;

/** Allocates memory for `rows` keys: codes f32[hashes] and vectors f32[dim]. False if there is not enough. */
export function openCodes(rows: u32, hashes: u32, gaussian: bool, seed: u64, dim: u32, learns: bool): bool {
  codeBytes = (<usize>hashes) << 2;
  vectorBytes = (<usize>dim) << 2;
  if (!openHashes(hashes, gaussian, seed)) return false;
  keysAt = workspaceOf(rows, 8);
  // writeCode may write up to three floats after the last code.
  codesAt = workspaceOf(rows + 1, max<usize>(codeBytes, 16));
  gradientsAt = learns ? workspaceOf(rows, vectorBytes) : 0;
  vectorsAt = workspaceOf(rows, vectorBytes);
  decodedAt = vectorsAt;
  return vectorsAt != 0;
}

/** Allocates a separate region for decoded vectors. */
export function separate(rows: u32): bool {
  decodedAt = workspaceOf(rows, vectorBytes);
  return decodedAt != 0;
}

/** Writes the codes of the first `count` keys. */
export function encode(count: u32): void {
  for (let i: u32 = 0; i < count; i++) encodeKey(i, i);
}

/** Writes the code of key `i` as row `row` of the codes. */
@inline
export function encodeKey(i: u32, row: u32): void {
  writeCode(load<u64>(keysAt + ((<usize>i) << 3)), codesAt + <usize>row * codeBytes);
}
