// Keys of crosses that a block does not store: they are computed, as by `scan`, from those of the fields they combine.
import { xxh64 } from "../scan/xxh64";
import { TILE, unpack } from "./unpack";

/** A cross whose keys are computed. */
@unmanaged
class Cross {
  /** Its parts: the addresses of their keys of a tile's first row, and bytes between two rows. */
  parts: usize;
  count: u32;
  partBytes: u32;
  /** Memory for the keys of one row's parts, side by side. */
  joined: usize;
  /** Destination of the first row's key, from the start of the batch, and bytes between two rows. */
  to: u32;
  stride: u32;
  seed: u64;
}
const CROSS_BYTES: usize = offsetof<Cross>();

/**
 * Writes the keys of elements [from, from + count) of the crosses [crosses, end), an array of `Cross`, to the rows from
 * number `row` on of the batch at `batch`. The columns [parts, crosses), an array of `Column` whose destinations are
 * addresses, are their parts.
 */
export function cross(parts: usize, crosses: usize, end: usize, from: u32, count: u32, batch: usize, row: u32): void {
  for (let done: u32 = 0; done < count; done += TILE) {
    const rows = min(TILE, count - done);
    unpack(parts, crosses, from + done, rows, 0, 0);
    for (let at = crosses; at < end; at += CROSS_BYTES) {
      const one = changetype<Cross>(at);
      hashParts(one, rows, batch + one.to + <usize>(row + done) * one.stride);
    }
  }
}

function hashParts(one: Cross, rows: u32, to: usize): void {
  const joined = one.joined,
    size = (<usize>one.count) << 3,
    stride = <usize>one.stride;
  for (let r: usize = 0, end = <usize>rows * one.partBytes; r < end; r += one.partBytes, to += stride) {
    for (let i: usize = 0; i < size; i += 8) {
      store<u64>(joined + i, load<u64>(load<usize>(one.parts + (i >> 1)) + r));
    }
    store<u64>(to, xxh64(joined, size, one.seed));
  }
}
