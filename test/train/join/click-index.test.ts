import { describe, expect, it } from "vitest";
import { ClickIndex } from "../../../src/train/join/click-index.js";
import fc from "../../properties.js";

/** What the index should do, by lists. */
class PlainIndex {
  readonly clicks: { stream: number; low: number; high: number; time: number }[] = [];

  has(low: number, high: number, from: number, to: number): boolean {
    return this.clicks.some((c) => c.low === low && c.high === high && c.time >= from && c.time <= to);
  }

  evict(stream: number, floor: number): number {
    const before = this.clicks.length;
    for (;;) {
      const at = this.clicks.findIndex((click) => click.stream === stream);
      if (at < 0 || this.clicks[at].time >= floor) return before - this.clicks.length;
      this.clicks.splice(at, 1);
    }
  }
}

const small = fc.integer({ min: 0, max: 3 });
const time = fc.integer({ min: 0, max: 50 });
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("add" as const), stream: small, low: small, high: small, time }),
  },
  fc.record({ kind: fc.constant("evict" as const), stream: small, low: small, high: small, time }),
);

describe("ClickIndex", () => {
  it("finds what lists of clicks hold", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const [index, plain] = [new ClickIndex(4), new PlainIndex()];
        for (const { kind, stream, low, high, time } of steps) {
          if (kind === "add") {
            const again = plain.has(low, high, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
            expect(index.add(stream, low, high, time)).toBe(again);
            plain.clicks.push({ stream, low, high, time });
          } else expect(index.evict(stream, time)).toBe(plain.evict(stream, time));
          expect(index.size).toBe(plain.clicks.length);
          for (const id of [0, 1, 2, 3])
            expect(index.has(id, high, time - 5, time + 5)).toBe(plain.has(id, high, time - 5, time + 5));
        }
      }),
    );
  });

  it("holds a million clicks in 35 bytes each at most, and gives their room to others", () => {
    const index = new ClickIndex(1);
    const fill = (from: number) => {
      for (let i = 0; i < 1 << 20; i++) index.add(0, i, i ^ from, from + i);
    };
    fill(0);
    const { bytes } = index;
    expect(bytes / index.size).toBeLessThan(35);
    expect(index.evict(0, 1 << 20)).toBe(1 << 20);
    fill(1 << 20);
    expect(index.bytes).toBe(bytes);
    expect(index.has(5, 5 ^ (1 << 20), (1 << 20) + 5, (1 << 20) + 5)).toBe(true);
    expect(index.has(5, 5, 0, 1 << 22)).toBe(false);
  });

  it("counts the eight bytes that a tag takes", () => {
    const [plain, tagged] = [new ClickIndex(1), new ClickIndex(1, true)];
    for (let i = 0; i < 5000; i++) for (const index of [plain, tagged]) index.add(0, i, i, i);
    expect(tagged.bytes / plain.bytes).toBeGreaterThan(1.2);
    expect((tagged.bytes - plain.bytes) % 8).toBe(0);
  });
});
