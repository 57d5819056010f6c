import { describe, expect, it } from "vitest";
import { Batch, batchLayout, copyRows, keepRows } from "../../src/core/batch.js";
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

  it("places the parts in order without overlap, aligned to 16 bytes", () => {
    expect(starts.every((start, i) => start % 16 === 0 && (i === 0 || start > starts[i - 1]))).toBe(true);
    expect(layout.bytes).toBeGreaterThan(starts.at(-1)!);
  });

  it("computes the widths", () => {
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

describe("keepRows", () => {
  const layout = batchLayout(spec, 6);

  /** Row r has r in every column; its bag holds r % 3 items. */
  function batchOf(rows: readonly number[]): Batch {
    const batch = new Batch(layout, rows.length, new ArrayBuffer(layout.bytes));
    const offsets = batch.bag(0).offsets;
    rows.forEach((r, i) => {
      for (const column of [batch.labels, batch.weights, batch.times, batch.oracle]) column[i] = r;
      batch.ids[i] = BigInt(r);
      batch.numbers.fill(r, i * layout.numberCount, (i + 1) * layout.numberCount);
      batch.vectors.fill(r, i * layout.vectorWidth, (i + 1) * layout.vectorWidth);
      layout.keys.forEach(({ singles }, t) => {
        batch.keys(t).fill(BigInt(r), i * singles, (i + 1) * singles);
      });
      offsets[i + 1] = offsets[i] + (r % 3);
    });
    rows.forEach((r, i) => {
      batch.bag(0).keys.fill(BigInt(r), offsets[i], offsets[i + 1]);
      batch.bag(0).weights.fill(r, offsets[i], offsets[i + 1]);
    });
    return batch;
  }

  const contents = (batch: Batch) => [
    batch.labels,
    batch.weights,
    batch.times,
    batch.ids,
    batch.oracle,
    batch.numbers,
    batch.vectors,
    ...layout.keys.map((_, t) => batch.keys(t)),
    batch.bag(0),
  ];

  it.each([...Array(64).keys()])("leaves the content of a batch of only the kept rows, choice %i", (choice) => {
    const rows = [5, 1, 2, 3, 4, 8];
    const keep = Uint8Array.from(rows, (_, i) => (choice >> i) & 1);
    const kept = keepRows(batchOf(rows), keep);
    expect(contents(kept)).toEqual(contents(batchOf(rows.filter((_, i) => keep[i]))));
  });
});

describe("copyRows", () => {
  it("copies every column and bag of some rows, as if there were no others", () => {
    const layout = batchLayout(spec, 5);
    const batch = new Batch(layout, 5, new ArrayBuffer(layout.bytes));
    batch.labels.set([1, 0, 1, 0, 1]);
    batch.weights.set([1, 2, 3, 4, 5]);
    batch.times.set([10, 20, 30, 40, 50]);
    batch.ids.set([1n, 2n, 3n, 4n, 5n]);
    batch.oracle.fill(0.5);
    batch.numbers.set(Array.from({ length: 10 }, (_, i) => i));
    batch.vectors.set(Array.from({ length: 10 }, (_, i) => i * 2));
    for (const table of [0, 1]) batch.keys(table).set([10n, 11n, 12n, 13n, 14n]);
    new Uint32Array(batch.buffer, layout.bags[0].offsets, 6).set([0, 2, 3, 3, 6, 7]);
    batch.bag(0).keys.set([0n, 1n, 2n, 3n, 4n, 5n, 6n]);
    batch.bag(0).weights.set([0, 1, 2, 3, 4, 5, 6]);
    const some = copyRows(batch, 1, 4, new ArrayBuffer(layout.bytes));
    const kept = keepRows(batch, Uint8Array.of(0, 1, 1, 1, 0));
    expect(some.rows).toBe(3);
    expect([...some.bag(0).keys]).toEqual([2n, 3n, 4n, 5n]);
    for (const name of ["labels", "weights", "times", "ids", "oracle", "numbers", "vectors"] as const)
      expect([...some[name]]).toEqual([...kept[name]]);
    for (const table of [0, 1]) expect([...some.keys(table)]).toEqual([...kept.keys(table)]);
    expect(some.bag(0)).toEqual(kept.bag(0));
  });
});
