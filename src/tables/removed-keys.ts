import type { TableKernel } from "../kernels/table.js";

/** Collects the keys (hash: row numbers) of rows that a kernel has removed, for holders of copies of them. */
export class RemovedKeys {
  private readonly kernel: TableKernel;
  private readonly memory: WebAssembly.Memory;
  private readonly taken: BigUint64Array[] = [];

  constructor(kernel: TableKernel, memory: WebAssembly.Memory) {
    this.kernel = kernel;
    this.memory = memory;
  }

  /** Takes the first `count` keys that the kernel has queued. */
  collect(count: number): void {
    if (count > 0) this.taken.push(this.waiting(count).slice());
  }

  /** Keys collected since the last call that have no row now: distinct, ascending. */
  take(): BigUint64Array {
    this.collect(this.kernel.removedCount() >>> 0);
    this.kernel.clearRemoved();
    const keys = new BigUint64Array(this.taken.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const some of this.taken.splice(0)) {
      keys.set(some, at);
      at += some.length;
    }
    return this.absent(distinct(keys.sort()));
  }

  /** The keys without a row, looked up by the kernel piece by piece, in the memory of its empty queue. */
  private absent(keys: BigUint64Array): BigUint64Array {
    const piece = this.kernel.removedRoom() >>> 0;
    let kept = 0;
    for (let from = 0; from < keys.length; from += piece) {
      const some = keys.subarray(from, from + piece);
      this.waiting(some.length).set(some);
      const absent = this.kernel.keepAbsent(some.length) >>> 0;
      keys.set(this.waiting(absent), kept);
      kept += absent;
    }
    return keys.slice(0, kept);
  }

  private waiting(count: number): BigUint64Array {
    return new BigUint64Array(this.memory.buffer, this.kernel.removedAddress() >>> 0, count);
  }
}

/** Sorted keys without repetitions, in place. Compares halves: bigints are slow. */
function distinct(keys: BigUint64Array): BigUint64Array {
  const halves = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
  let kept = 0;
  for (let at = 0; at < halves.length; at += 2) {
    if (at > 0 && halves[at] === halves[at - 2] && halves[at + 1] === halves[at - 1]) continue;
    halves[kept++] = halves[at];
    halves[kept++] = halves[at + 1];
  }
  return keys.subarray(0, kept / 2);
}
