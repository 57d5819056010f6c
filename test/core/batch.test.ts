import { describe, expect, it } from "vitest";
import { Batch, batchLayout } from "../../src/core/batch.js";
import { parseSpec } from "../../src/spec/parse.js";

const spec = parseSpec(
  `
name: layout
events: { format: tsv, columns: [label, a, b, tags, x, y, v] }
label: { field: label }
fields:
  - { name: a, type: categorical, table: one }
  - { name: b, type: categorical, table: two }
  - { name: tags, type: bag, table: two, max_length: 3 }
  - { name: x, type: numeric }
  - { name: y, type: numeric, transform: log1p }
  - { name: v, type: vector, length: 4, take: 2 }
tables: { one: { dim: 4 }, two: { dim: 4 } }
tower: deep_crossing
`,
  "layout.yaml",
);

describe("batchLayout", () => {
  const layout = batchLayout(spec, 5);
  const starts = [
    layout.labels,
    layout.weights,
    layout.times,
    layout.ids,
    layout.oracle,
    layout.numbers,
    layout.vectors,
    ...layout.keys.map((keys) => keys.offset),
    ...layout.bags.flatMap((bag) => [bag.offsets, bag.keys, bag.weights]),
  ];

  it("gives every part a place of its own, in order, aligned to 16 bytes", () => {
    expect(starts.every((start, i) => start % 16 === 0 && (i === 0 || start > starts[i - 1]))).toBe(true);
    expect(layout.bytes).toBeGreaterThan(starts.at(-1)!);
  });

  it("knows the widths", () => {
    expect(layout).toMatchObject({ capacity: 5, numberCount: 2, vectorWidth: 2 });
    expect(layout.keys.map((keys) => keys.singles)).toEqual([1, 1]);
    expect(layout.bags).toMatchObject([{ table: 1, cell: 1, maxLength: 3 }]);
  });

  it("views a shorter batch with the strides of the full one", () => {
    const buffer = new ArrayBuffer(layout.bytes);
    const full = new Batch(layout, 5, buffer);
    full.keys(1).set([10n, 11n, 12n, 13n, 14n]);
    full.numbers.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const short = new Batch(layout, 2, buffer);
    expect([...short.keys(1)]).toEqual([10n, 11n]);
    expect([...short.numbers]).toEqual([1, 2, 3, 4]);
  });

  it("views a bag's items up to the last row's end", () => {
    const buffer = new ArrayBuffer(layout.bytes);
    new Uint32Array(buffer, layout.bags[0].offsets, 6).set([0, 2, 3, 3, 3, 3]);
    new BigUint64Array(buffer, layout.bags[0].keys, 3).set([7n, 8n, 9n]);
    const { offsets, keys, weights } = new Batch(layout, 2, buffer).bag(0);
    expect([...offsets]).toEqual([0, 2, 3]);
    expect([...keys]).toEqual([7n, 8n, 9n]);
    expect(weights).toHaveLength(3);
  });
});
