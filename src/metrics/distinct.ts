import { type Block, type SavedBlocks, savedBytes } from "../core/blocks.js";
import { ln } from "./kernel.js";

/** log2 of the registers per field. */
const PRECISION = 12;
const REGISTERS = 1 << PRECISION;
/** 2^-rank. */
const SHARES = new Float64Array(64);
for (let rank = 0, share = 1; rank < 64; rank++, share /= 2) SHARES[rank] = share;
/** Bias correction for 2^12 registers (Flajolet et al. 2007). */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

/**
 * The number of distinct values of each field: one HyperLogLog per field (Flajolet et al. 2007), 4 KiB each, standard error 1.6
 * %, with linear counting for small sets. The scan kernel hashes the values and reports only registers that increase.
 */
export class DistinctCounts {
  readonly fields: number;
  private readonly registers: Uint8Array<ArrayBuffer>;

  constructor(fields: number) {
    this.fields = fields;
    this.registers = new Uint8Array(fields * REGISTERS);
  }

  /** Merges register changes, each packed as field << 20 | register << 8 | rank; a register keeps its highest rank. */
  merge(changes: Uint32Array): void {
    for (const change of changes) {
      const at = change >>> 8;
      const rank = change & 255;
      if (rank > this.registers[at]) this.registers[at] = rank;
    }
  }

  /** Estimated number of distinct keys of some fields together: keys that they have in common count once. */
  estimate(...fields: readonly number[]): number {
    const registers = new Uint8Array(REGISTERS);
    for (const field of fields)
      for (let i = 0, at = field * REGISTERS; i < REGISTERS; i++, at++)
        registers[i] = Math.max(registers[i], this.registers[at]);
    let sum = 0;
    let zeros = 0;
    for (const rank of registers) {
      sum += SHARES[rank];
      if (rank === 0) zeros++;
    }
    const raw = (ALPHA * REGISTERS * REGISTERS) / sum;
    const small = raw <= 2.5 * REGISTERS && zeros > 0;
    return Math.round(small ? REGISTERS * ln(REGISTERS / zeros) : raw);
  }

  /** The state, as a block named `prefix`/registers; a view, valid until the next merge. */
  blocks(prefix: string): Block[] {
    return [{ name: `${prefix}/registers`, dtype: "U8", shape: [this.fields, REGISTERS], data: this.registers }];
  }

  /** @throws HashbrookError checkpoint_damaged when the block is missing or has the wrong size */
  restore(prefix: string, blocks: SavedBlocks): void {
    this.registers.set(savedBytes(blocks, `${prefix}/registers`, { bytes: this.registers.byteLength }));
  }
}
