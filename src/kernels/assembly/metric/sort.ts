// Radix sort of rows (see totals.ts) by the rank of their score, least significant digit first: stable, three passes.
import { Row, ROW_BYTES } from "./records";

const DIGIT: u32 = 11;
const BUCKETS: usize = 1 << 11;
const counts = memory.data(4 << 11, 16);

/**
 * Sorts `count` rows at `from`, with as much room at `other`; returns the address of the sorted rows, one of the two.
 */
export function sort(from: usize, other: usize, count: u32): usize {
  for (let shift: u32 = 0; shift < 32; shift += DIGIT) {
    if (!scatter(from, other, count, shift)) continue;
    const sorted = other;
    other = from;
    from = sorted;
  }
  return from;
}

@inline
function bucketOf(row: usize, shift: u32): usize {
  return counts + ((<usize>(changetype<Row>(row).place >> shift) & (BUCKETS - 1)) << 2);
}

/** One pass; returns false, and does nothing, if all have the same digit. */
function scatter(from: usize, to: usize, count: u32, shift: u32): bool {
  const end = from + <usize>count * ROW_BYTES;
  memory.fill(counts, 0, BUCKETS << 2);
  for (let row = from; row < end; row += ROW_BYTES) {
    const bucket = bucketOf(row, shift);
    store<u32>(bucket, load<u32>(bucket) + 1);
  }
  let place: u32 = 0;
  for (let bucket = counts; bucket < counts + (BUCKETS << 2); bucket += 4) {
    const size = load<u32>(bucket);
    if (size == count) return false;
    store<u32>(bucket, place);
    place += size;
  }
  for (let row = from; row < end; row += ROW_BYTES) {
    const bucket = bucketOf(row, shift);
    const index = load<u32>(bucket);
    store<u32>(bucket, index + 1);
    const into = to + <usize>index * ROW_BYTES;
    store<u64>(into, load<u64>(row));
    store<u32>(into, load<u32>(row, 8), 8);
  }
  return true;
}
