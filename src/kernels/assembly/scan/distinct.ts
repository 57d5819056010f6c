// Distinct values per field: HyperLogLog registers (Flajolet et al. 2007), 2^12 a field. The top 12 bits of a key choose
// the register; its rank is 1 + the leading zeros of the rest.
import { DISTINCT_OP_BYTES, DistinctBagOp, DistinctOp, plan } from "./plan";

@inline
function count(key: u64, field: u32, registers: usize): void {
  const register = <usize>(key >> 52);
  const rank: u32 = 1 + <u32>clz((key << 12) | 0x800);
  if (rank > <u32>load<u8>(registers + register)) raise(field, registers, register, rank);
}

function raise(field: u32, registers: usize, register: usize, rank: u32): void {
  store<u8>(registers + register, rank);
  store<u32>(plan.changesEnd, (field << 20) | (<u32>register << 8) | rank);
  plan.changesEnd += 4;
}

/** Counts the keys of an accepted row. */
export function countDistinct(row: usize): void {
  const end = plan.distinctsEnd;
  for (let at = plan.distincts; at < end; at += DISTINCT_OP_BYTES) {
    const op = changetype<DistinctOp>(at);
    count(load<u64>(op.key + row * op.stride), op.field, op.registers);
  }
  const bagsEnd = plan.distinctBagsEnd;
  for (let at = plan.distinctBags; at < bagsEnd; at += DISTINCT_OP_BYTES) {
    const op = changetype<DistinctBagOp>(at);
    const offsets = op.offsets + (row << 2);
    const last = op.keys + (<usize>load<u32>(offsets, 4) << 3);
    for (let key = op.keys + (<usize>load<u32>(offsets) << 3); key < last; key += 8) count(load<u64>(key), op.field, op.registers);
  }
}
