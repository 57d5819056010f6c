import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batch } from "../../src/core/batch.js";
import { Decoder, type Reject, type Taken } from "../../src/decode/decoder.js";
import type { CompiledSpec, Format } from "../../src/spec/compiled.js";
import { everySpec, rowText } from "./generate.js";
import { type Decoded, decodeFile, type Row } from "./reference.js";

const formats: Format[] = ["tsv", "csv", "json", "vw"];

/** Feeds `file` in chunks of the sizes given (in turns) and takes every batch. */
function feed(decoder: Decoder, file: Uint8Array, chunks: readonly number[] = [file.length]): Taken[] {
  const taken: Taken[] = [];
  const drain = () => {
    while (decoder.scan() === "full") taken.push(decoder.take());
  };
  for (let at = 0, i = 0; at < file.length; i++) {
    const room = decoder.room();
    const count = Math.min(room.length, file.length - at, Math.max(1, chunks[i % chunks.length]));
    room.set(file.subarray(at, at + count));
    decoder.commit(count);
    at += count;
    drain();
  }
  decoder.endFile();
  drain();
  taken.push(decoder.take());
  return taken;
}

function rowsOf(spec: CompiledSpec, batch: Batch): Row[] {
  const { layout } = batch;
  const views = { keys: spec.tables.map((_, t) => batch.keys(t)), bags: layout.bags.map((_, i) => batch.bag(i)) };
  return Array.from({ length: batch.rows }, (_, r) => ({
    label: batch.labels[r],
    weight: batch.weights[r],
    time: batch.times[r],
    id: batch.ids[r],
    oracle: batch.oracle[r],
    numbers: [...batch.numbers.subarray(r * layout.numberCount, (r + 1) * layout.numberCount)],
    vectors: [...batch.vectors.subarray(r * layout.vectorWidth, (r + 1) * layout.vectorWidth)],
    keys: layout.keys.map(({ singles }, t) => [...views.keys[t].subarray(r * singles, (r + 1) * singles)]),
    bags: views.bags.map(({ offsets, keys, weights }) => ({
      keys: [...keys.subarray(offsets[r], offsets[r + 1])],
      weights: [...weights.subarray(offsets[r], offsets[r + 1])],
    })),
  }));
}

const plain = ({ code, column, offset, row, bytes }: Reject) => ({ code, column, offset, row, bytes: Buffer.from(bytes).toString("latin1") });

/** log1p may differ in the last bit of an f32 (JavaScript engines differ too). */
function expectRows(actual: Row[], expected: Row[], spec: CompiledSpec): void {
  const logs = spec.numbers.map((name) => spec.fields.some((field) => field.name === name && field.type === "numeric" && field.transform === "log1p"));
  const bare = (row: Row) => ({ ...row, numbers: row.numbers.filter((_, i) => !logs[i]) });
  expect(actual.map(bare)).toEqual(expected.map(bare));
  actual.forEach((row, r) => {
    row.numbers.forEach((x, i) => {
      const y = expected[r].numbers[i];
      if (logs[i] && !Object.is(x, y)) expect(Math.abs(x - y)).toBeLessThanOrEqual(Math.abs(y) * 2 ** -23);
    });
  });
}

function expectSame(spec: CompiledSpec, taken: Taken[], expected: Decoded, capacity: number): void {
  expect(taken.flatMap(({ rejects }) => rejects.map(plain))).toEqual(expected.rejects.map((reject) => plain({ ...reject, length: 0 } as Reject)));
  expectRows(
    taken.flatMap(({ batch }) => rowsOf(spec, batch)),
    expected.rows,
    spec,
  );
  taken.slice(0, -1).forEach(({ batch, offset, row }, i) => {
    expect(batch.rows).toBe(capacity);
    expect({ offset, row }).toEqual(expected.ends[(i + 1) * capacity - 1]);
  });
}

describe.each(formats)("%s", (format) => {
  it("decodes every field type as the scalar reference does", () => {
    let accepted = 0;
    let refused = 0;
    for (const label of ["equals", "at_least"] as const) {
      const spec = everySpec(format, label);
      const decoder = new Decoder(spec, { capacity: 8 });
      fc.assert(
        fc.property(fc.array(rowText(spec), { maxLength: 40 }), fc.boolean(), (rows, newline) => {
          const file = Buffer.from(rows.join("\n") + (newline ? "\n" : ""));
          const expected = decodeFile(spec, file);
          decoder.startAt(0, 0);
          expectSame(spec, feed(decoder, file), expected, 8);
          accepted += expected.rows.length;
          refused += expected.rejects.length;
        }),
        { numRuns: 150 },
      );
    }
    expect(accepted).toBeGreaterThan(1000);
    expect(refused).toBeGreaterThan(100);
  });
});
