// Distinct values per field: HyperLogLog registers (Flajolet et al. 2007), 2^12 per field. The top 12 bits of a key
// select the register; its rank is 1 + the leading zeros of the rest.
import { DISTINCT_BAG_OP_BYTES, DISTINCT_RUN_BYTES, DistinctBagOp, DistinctRun, plan } from "./plan";

/** Bytes of one field's registers. */
const REGISTERS: usize = 4096;

@inline
function rank(key: u64): u32 {
  return 1 + <u32>clz((key << 12) | 0x800);
}

/** Whether a key raises its register. */
@inline
function rises(key: u64, registers: usize): bool {
  return rank(key) > <u32>load<u8>(registers + <usize>(key >> 52));
}

function raise(key: u64, field: u32, registers: usize): void {
  const register = <usize>(key >> 52);
  store<u8>(registers + register, rank(key));
  store<u32>(plan.changesEnd, (field << 20) | ((<u32>register) << 8) | rank(key));
  plan.changesEnd += 4;
}

/** Address of a key's register. */
@inline
function placeOf(key: u64, registers: usize): usize {
  return registers + <usize>(key >> 52);
}

/** Negative if a key does not raise a register whose value is `now`. */
@inline
function excess(key: u64, now: u8): i32 {
  return <i32>clz(key << 12) - <i32>now;
}

/**
 * Whether any key from `first` to `last` may raise its register: one branch for all of them, since few rows have such a
 * key.
 */
@inline
function mayRise(first: usize, last: usize, registers: usize): bool {
  let p = first,
    all: i32 = -1;
  for (const four = last - ((last - first) & 24); p < four; p += 32, registers += 4 * REGISTERS) {
    const a = load<u64>(p),
      b = load<u64>(p, 8),
      c = load<u64>(p, 16),
      d = load<u64>(p, 24);
    all &= excess(a, load<u8>(placeOf(a, registers)));
    all &= excess(b, load<u8>(placeOf(b, registers), REGISTERS));
    all &= excess(c, load<u8>(placeOf(c, registers), 2 * REGISTERS));
    all &= excess(d, load<u8>(placeOf(d, registers), 3 * REGISTERS));
  }
  for (; p < last; p += 8, registers += REGISTERS) {
    const key = load<u64>(p);
    all &= excess(key, load<u8>(placeOf(key, registers)));
  }
  return all >= 0;
}

function countRun(run: DistinctRun, first: usize, last: usize): void {
  let registers = run.registers;
  for (let p = first; p < last; p += 8) {
    const key = load<u64>(p);
    if (rises(key, registers)) raise(key, load<u32>(run.fields + ((p - first) >> 1)), registers);
    registers += REGISTERS;
  }
}

/** Counts the keys of an accepted row. */
export function countDistinct(row: usize): void {
  const end = plan.distinctsEnd;
  for (let at = plan.distincts; at < end; at += DISTINCT_RUN_BYTES) {
    const run = changetype<DistinctRun>(at);
    const first = run.keys + row * run.stride;
    const last = first + ((<usize>run.count) << 3);
    if (mayRise(first, last, run.registers)) countRun(run, first, last);
  }
  const bagsEnd = plan.distinctBagsEnd;
  for (let at = plan.distinctBags; at < bagsEnd; at += DISTINCT_BAG_OP_BYTES) {
    const op = changetype<DistinctBagOp>(at);
    const offsets = op.offsets + (row << 2);
    const last = op.keys + ((<usize>load<u32>(offsets, 4)) << 3);
    for (let p = op.keys + ((<usize>load<u32>(offsets)) << 3); p < last; p += 8) {
      const key = load<u64>(p);
      if (rises(key, op.registers)) raise(key, op.field, op.registers);
    }
  }
}
