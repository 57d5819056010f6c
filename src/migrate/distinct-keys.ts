import type { Batch, BatchLayout } from "../core/batch.js";
import type { CompiledTable } from "../spec/compiled.js";
import { constantKey } from "../tables/batch-path.js";
import { NO_TIME } from "../tables/encoding.js";
import { StoreEncoding } from "../tables/store-encoding.js";
import { storedKeys } from "../warm-start/stored-keys.js";

const CAPACITY = 4096;

/** Collects the distinct keys of one table from batches, in an exact table with one weight per key. */
export class DistinctKeys {
  private readonly table: number;
  private readonly layout: BatchLayout;
  private readonly set: StoreEncoding;

  constructor(table: CompiledTable, t: number, layout: BatchLayout) {
    this.table = t;
    this.layout = layout;
    const { name, seed } = table;
    const optimizer = { kind: "sgd", learning_rate: 1 } as const;
    const options = { capacity: CAPACITY, learns: true, serving: false, runtime: "onnxruntime" } as const;
    this.set = new StoreEncoding({ name, encoding: "exact", rows: 1024, dim: 1, init: 0, optimizer, seed }, options);
    const constants = table.cells.filter(({ kind }) => kind === "number" || kind === "bias").map(constantKey);
    this.addKeys(BigUint64Array.from(constants));
  }

  add(batch: Batch): void {
    this.addKeys(batch.keys(this.table));
    this.layout.bags.forEach(({ table }, i) => {
      if (table === this.table) this.addKeys(batch.bag(i).keys);
    });
  }

  /** All of them, in order of first occurrence. */
  keys(): BigUint64Array {
    return storedKeys([this.set.store]);
  }

  private addKeys(keys: BigUint64Array): void {
    for (let from = 0; from < keys.length; from += CAPACITY) {
      const some = keys.subarray(from, from + CAPACITY);
      this.set.keys.set(some);
      this.set.gather(some.length, "learn", NO_TIME);
    }
  }
}
