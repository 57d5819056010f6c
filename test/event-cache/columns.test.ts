import { expect, it } from "vitest";
import { codecs, sectionAt } from "../../src/event-cache/columns.js";
import { ColumnMemory } from "../../src/kernels/column.js";
import { constantOf, structOf } from "../../src/kernels/layouts.js";
import fc from "../properties.js";

const MOST = 4096;
const memory = new ColumnMemory({ shared: false });
const [from, to, scratch] = [memory.take(MOST * 64), memory.take(MOST * 64), memory.take(MOST * 64)];
const [section, struct] = [memory.take(MOST * 64), memory.take(256)];

/** Packs elements `stride` bytes apart and unpacks some of them to rows `other` bytes apart. */
function roundTrip(
  elements: readonly bigint[],
  { width, whole, stride, other }: { width: 4 | 8; whole: boolean; stride: number; other: number },
  first: number,
  count: number,
) {
  const view = new DataView(memory.memory.buffer);
  const put = (at: number, value: bigint) =>
    width === 8 ? view.setBigUint64(at, value, true) : view.setUint32(at, Number(value), true);
  const get = (at: number) => (width === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true)));
  for (const [i, element] of elements.entries()) put(from + i * stride, element);
  const size = memory.kernel.pack(from, stride, width, elements.length, Number(whole), section, scratch, MOST * 2);
  const { codec, values, codes, end } = sectionAt(view, section, width);
  expect(end - section).toBe(size);
  const columnEnd = memory.writeColumns(struct, [{ codec, width, values, codes, to: 16, stride: other }]);
  memory.kernel.unpack(struct, columnEnd, first, count, to, 2);
  const unpacked = Array.from({ length: count }, (_, i) => get(to + 16 + (2 + i) * other));
  return { codec, size, unpacked, struct };
}

const bits = (width: 4 | 8) => fc.bigInt({ min: 0n, max: width === 8 ? 2n ** 64n - 1n : 2n ** 32n - 1n });
const float = fc.double({ noNaN: true }).map((x) => new BigUint64Array(Float64Array.of(x).buffer)[0]);
const timesOf = (steps: fc.Arbitrary<number>, unit: number) =>
  steps.map((x) => new BigUint64Array(Float64Array.of(1.7e12 + x * unit).buffer)[0]);

/** Columns of every kind: few values, many, all different, close to each other. */
const columns = fc.constantFrom<4 | 8>(4, 8).chain((width) => {
  const few = (most: number) =>
    fc
      .array(bits(width), { minLength: 1, maxLength: most, size: "max" })
      .chain((list) => fc.array(fc.constantFrom(...list), { maxLength: 1500, size: "max" }));
  const elements = fc.oneof(
    few(1),
    few(16),
    few(256),
    few(600),
    fc.array(bits(width), { maxLength: 300 }),
    fc.array(
      bits(4).map((x) => (width === 8 ? x : x % 300n)),
      { maxLength: 300 },
    ),
    ...(width === 8
      ? [
          fc.array(float, { maxLength: 100 }),
          fc.array(timesOf(fc.integer({ min: 0, max: 255 }), 1000), { maxLength: 400 }),
          fc.array(timesOf(fc.integer({ min: -9000, max: 9000 }), 1), { maxLength: 400 }),
          fc.array(timesOf(fc.integer(), 1000), { maxLength: 400 }),
        ]
      : [
          fc.array(
            bits(4).map((x) => 7n + (x % 60_000n)),
            { maxLength: 300 },
          ),
        ]),
  );
  return fc.record({ width: fc.constant(width), elements, whole: fc.boolean() });
});

it("any column is restored, completely and partially, at any position in a row", () => {
  const seen = new Set<number>();
  fc.assert(
    fc.property(columns, fc.nat({ max: 2 }), fc.nat({ max: 3 }), fc.nat(), fc.nat(), (column, a, b, i, j) => {
      const { width, elements, whole } = column;
      const first = elements.length > 0 ? i % elements.length : 0;
      const count = elements.length > 0 ? j % (elements.length - first + 1) : 0;
      const shape = { width, whole, stride: width * (a + 1), other: width * (b + 1) };
      const all = roundTrip(elements, shape, 0, elements.length);
      expect(all.unpacked).toEqual(elements);
      expect(roundTrip(elements, shape, first, count).unpacked).toEqual(elements.slice(first, first + count));
      expect(all.size).toBeLessThanOrEqual(32 + 16 + width * elements.length);
      seen.add(all.codec);
    }),
    { numRuns: 300 },
  );
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

it("numbers are accumulated and list ends expanded from any codec", () => {
  const numbers = fc.array(fc.oneof(fc.nat(5), fc.nat(300), fc.nat(2 ** 31)), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(numbers, fc.nat(), (list, pick) => {
      const shape = { width: 4, whole: true, stride: 4, other: 4 } as const;
      roundTrip(list.map(BigInt), shape, 0, 0);
      const first = pick % list.length;
      const rest = list.slice(first);
      expect(memory.kernel.sum(struct, first, rest.length)).toBe(rest.reduce((sum, x) => sum + x, 0));
      const small = list.map((x) => x % 9);
      roundTrip(small.map(BigInt), shape, 0, 0);
      expect(memory.kernel.spread(struct, first, rest.length, to, 5)).toBe(
        5 + small.slice(first).reduce((sum, x) => sum + x, 0),
      );
      const ends = small.slice(first).map((_, i) => 5 + small.slice(first, first + i + 1).reduce((a, x) => a + x, 0));
      expect([...memory.words(to, ends.length)]).toEqual(ends);
    }),
    { numRuns: 100 },
  );
});

it("rows of more than 8 bytes are stored unpacked", () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 20 }), fc.integer({ min: 0, max: 50 }), fc.nat(), (floats, rows, pick) => {
      const width = 4 * floats;
      const bytes = Uint8Array.from({ length: width * rows }, (_, i) => (i * 31 + pick) & 255);
      memory.bytes(from, bytes.length).set(bytes);
      memory.kernel.pack(from, width, width, rows, 0, section, scratch, MOST * 2);
      const { codec, values, codes } = sectionAt(new DataView(memory.memory.buffer), section, width);
      const first = rows > 0 ? pick % rows : 0;
      const end = memory.writeColumns(struct, [{ codec, width, values, codes, to: 0, stride: width }]);
      memory.kernel.unpack(struct, end, first, rows - first, to, 0);
      expect([...memory.bytes(to, width * (rows - first))]).toEqual([...bytes.subarray(first * width)]);
    }),
    { numRuns: 50 },
  );
});

it("host and kernel agree on the numbers of codecs", () => {
  const names = { constant: "CONSTANT", nibbles: "NIBBLES", bytes: "BYTES", words: "WORDS", raw: "RAW" };
  for (const [name, constant] of Object.entries({
    ...names,
    steps8: "STEPS_8",
    steps16: "STEPS_16",
    steps32: "STEPS_32",
  }))
    expect(constantOf("column", constant), name).toBe(codecs[name as keyof typeof codecs]);
  expect(structOf("column", "Head").size).toBe(16);
});
