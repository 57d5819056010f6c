import { expect, it } from "vitest";
import { ChangeFeed, type ChangeReader } from "../../src/tables/change-feed.js";
import fc from "../properties.js";

/** A store in which rows are present or not; all are by default. */
class Rows {
  readonly bits = new Uint32Array(2_000);
  readonly gone = new Set<number>();
  tracked = 0;
  readonly feed = new ChangeFeed({
    track: () => void this.tracked++,
    noted: () => this.bits,
    present: (rows) => rows.filter((row) => !this.gone.has(row)),
  });

  change(row: number): void {
    this.bits[row >>> 5] |= 1 << (row & 31);
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("change"), row: fc.nat(63_999) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("take", "count"), row: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("begin"), row: fc.constant(0) }) },
);

it("gives each reader every row that changed since its last read, or since it began, once and ascending", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const rows = new Rows();
      const readers: { reader: ChangeReader; wanted: Set<number> }[] = [];
      for (const { kind, row } of steps) {
        const one = readers[row % Math.max(1, readers.length)];
        if (kind === "begin") readers.push({ reader: rows.feed.reader(), wanted: new Set() });
        else if (kind === "change") {
          rows.change(row);
          for (const { wanted } of readers) wanted.add(row);
        } else if (one && kind === "count") expect(one.reader.count).toBe(one.wanted.size);
        else if (one) {
          expect([...one.reader.take()]).toEqual([...one.wanted].sort((a, b) => a - b));
          one.wanted.clear();
        }
      }
      expect(rows.tracked).toBe(Math.min(1, readers.length));
    }),
  );
});

it("omits rows evicted since", () => {
  const rows = new Rows();
  const reader = rows.feed.reader();
  for (const row of [3, 64, 70]) rows.change(row);
  rows.gone.add(64);
  expect(reader.count).toBe(3);
  expect([...reader.take()]).toEqual([3, 70]);
  expect([reader.count, reader.take().length]).toEqual([0, 0]);
});
