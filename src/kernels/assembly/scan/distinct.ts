// Distinct values per field: HyperLogLog registers (Flajolet et al. 2007), 2^12 a field. The top 12 bits of a key choose
// the register; its rank is 1 + the leading zeros of the rest.
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

/** Counts the keys of an accepted row. */
export function countDistinct(row: usize): void {
  const end = plan.distinctsEnd;
  for (let at = plan.distincts; at < end; at += DISTINCT_RUN_BYTES) {
    const run = changetype<DistinctRun>(at);
    const first = run.keys + row * run.stride;
    const last = first + ((<usize>run.count) << 3);
    let registers = run.registers;
    for (let p = first; p < last; p += 8) {
      const key = load<u64>(p);
      if (rises(key, registers)) raise(key, load<u32>(run.fields + ((p - first) >> 1)), registers);
      registers += REGISTERS;
    }
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
