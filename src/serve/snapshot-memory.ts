import { checkMemory } from "../core/memory.js";
import type { ServingPrecision } from "../tables/table.js";

/** Bits of a weight, without scales. */
const BITS: Readonly<Record<ServingPrecision, number>> = { f32: 32, f16: 16, int8: 8, int4: 4 };

/**
 * Refuses the snapshot of a delta log whose rows do not fit in memory, before its model is built.
 * @param bytes of its weights in f32, at least; indexes are not counted, since the log does not tell its rows beforehand
 * @throws HashbrookError memory_short
 */
export function checkSnapshotFits(bytes: number, precision: ServingPrecision = "f32"): void {
  checkMemory("the delta log's snapshot", (bytes * BITS[precision]) / 32);
}
