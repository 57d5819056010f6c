import { Batch, type BatchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";

/** A small model of every tower over all kinds of fields, as YAML. */
export function servedSpec(
  tower: string,
  { encoding = "exact", optimizer = "adam", batch = 64, life = "" } = {},
): string {
  const byEvent = ["lr", "fm", "ffm"].includes(tower);
  const table = `{ encoding: ${encoding}, ${encoding === "hash" ? "rows: 256, " : ""}${tower === "lr" ? "" : "dim: 4, init: 0.1, "}salt: field, optimizer: ${optimizer}${life} }`;
  return `
name: ${tower.replaceAll("_", "-")}
events: { format: tsv, columns: [label, ts, a, b, tags, x, v] }
label: { field: label, time: ts }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
  - { name: tags, type: bag, max_length: 4, table: ids }
  - { name: x, type: numeric, transform: standardize${byEvent ? ", table: ids" : ""} }
${byEvent ? "" : "  - { name: v, type: vector, length: 3 }"}
  - { name: axb, type: cross, of: [a, b]${byEvent ? ", table: ids" : ""} }
tables: { ids: ${table} }
tower: ${byEvent ? tower : `{ ${tower}: {}, optimizer: ${optimizer} }`}
${tower === "lr" ? "" : "wide: { fields: [axb], bits: 10 }"}
train: { batch: ${batch} }
`;
}

/** Random rows whose keys come out of `ids` ids; the label depends on field a. */
export function servedBatch(layout: BatchLayout, rows: number, seed: number, ids: number): Batch {
  const rng = new Rng(seed);
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
  const key = () => BigInt.asUintN(64, BigInt(rng.below(ids) + 1) * 0x9e3779b97f4a7c15n);
  layout.keys.forEach((_, t) => {
    const keys = batch.keys(t);
    for (let i = 0; i < keys.length; i++) keys[i] = key();
  });
  const first = batch.keys(0);
  const { singles } = layout.keys[0];
  for (let r = 0; r < rows; r++) batch.labels[r] = Number((first[r * singles] >> 17n) & 1n);
  batch.weights.fill(1);
  for (let i = 0; i < batch.numbers.length; i++)
    batch.numbers[i] = rng.below(5) === 0 ? Number.NaN : rng.uniform() * 10;
  for (let i = 0; i < batch.vectors.length; i++) batch.vectors[i] = rng.uniform() - 0.5;
  const offsets = new Uint32Array(batch.buffer, layout.bags[0].offsets, rows + 1);
  for (let r = 0; r < rows; r++) offsets[r + 1] = offsets[r] + rng.below(4);
  const bag = batch.bag(0);
  for (let i = 0; i < bag.keys.length; i++) bag.keys[i] = key();
  bag.weights.fill(1);
  return batch;
}
