import { describe, expect, it } from "vitest";
import { mixed } from "../../../src/core/mix.js";
import { ClickIndex } from "../../../src/train/join/click-index.js";
import fc from "../../properties.js";

/** Reference implementation with lists. */
class PlainIndex {
  readonly clicks: { stream: number; low: number; high: number; time: number; tag: number; claimed: boolean }[] = [];

  has(low: number, high: number, from: number, to: number): boolean {
    return this.clicks.some((c) => c.low === low && c.high === high && c.time >= from && c.time <= to);
  }

  /** Times of an id, in order. */
  times(low: number, high: number): number[] {
    const own = this.clicks.filter((click) => click.low === low && click.high === high);
    return own.map(({ time }) => time).sort((a, b) => a - b);
  }

  /** Tags that were not claimed before, in order. */
  claim(low: number, high: number, from: number, to: number): number[] {
    const found = this.clicks.filter(
      (c) => !c.claimed && c.low === low && c.high === high && c.time >= from && c.time <= to,
    );
    for (const click of found) click.claimed = true;
    return found.map(({ tag }) => tag).sort((a, b) => a - b);
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
  fc.record({ kind: fc.constant("claim" as const), stream: small, low: small, high: small, time }),
  fc.record({ kind: fc.constant("evict" as const), stream: small, low: small, high: small, time }),
);

describe("ClickIndex", () => {
  it("finds what plain lists of clicks find", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const [index, plain] = [new ClickIndex(4, true), new PlainIndex()];
        for (const [tag, { kind, stream, low, high, time }] of steps.entries()) {
          if (kind === "add") {
            const again = plain.has(low, high, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
            expect(index.add(stream, low, high, time, tag)).toBe(again);
            plain.clicks.push({ stream, low, high, time, tag, claimed: false });
          } else if (kind === "claim") {
            const claimed: number[] = [];
            index.claim(low, high, [time - 5, time + 5], (tag) => claimed.push(tag));
            expect(claimed.sort((a, b) => a - b)).toEqual(plain.claim(low, high, time - 5, time + 5));
          } else expect(index.evict(stream, time)).toBe(plain.evict(stream, time));
          expect(index.size).toBe(plain.clicks.length);
          for (const id of [0, 1, 2, 3]) {
            const times = plain.times(id, high);
            const near = times.filter((one) => one >= time - 5 && one <= time + 5);
            expect(index.has(id, high, time - 5, time + 5)).toBe(near.length > 0);
            expect(index.first(id, high, time - 5, time + 5)).toBe(near[0] ?? Number.NaN);
            expect(index.next(id, high, time)).toBe(times.find((one) => one > time) ?? Number.POSITIVE_INFINITY);
          }
        }
      }),
    );
  });

  it("stores a million clicks in at most 45 bytes each, and reuses their memory", () => {
    const index = new ClickIndex(1);
    const fill = (from: number) => {
      for (let i = 0; i < 1 << 20; i++) index.add(0, i, i ^ from, from + i);
    };
    fill(0);
    const { bytes } = index;
    expect(bytes / index.size).toBeLessThan(45);
    expect(index.evict(0, 1 << 20)).toBe(1 << 20);
    fill(1 << 20);
    expect(index.bytes).toBe(bytes);
    expect(index.has(5, 5 ^ (1 << 20), (1 << 20) + 5, (1 << 20) + 5)).toBe(true);
    expect(index.has(5, 5, 0, 1 << 22)).toBe(false);
  });

  it("takes logarithmic time when 100,000 clicks have the same id", () => {
    const clicks = 100_000;
    const stepsOf = (hot: boolean) => {
      const index = new ClickIndex(1);
      const id = (i: number) => (hot ? i % 2 : mixed(i) >>> 0);
      for (let i = 0; i < clicks; i++) {
        index.add(0, id(i), 7, i);
        index.first(id(i), 7, i - 900, i);
        index.next(id(i), 7, i - 900);
        // Clicks of an hour leave, one for each that arrives.
        index.evict(0, i - clicks / 2);
      }
      return index.steps / clicks;
    };
    expect(stepsOf(false)).toBeLessThan(10);
    // Four descents of a tree of 25,000, whose depth is about 2 ln n.
    expect(stepsOf(true)).toBeLessThan(4 * 2 * Math.log(25_000) + 10);
  });

  it("claims each click once without scanning others, when impressions of a hot key each have a thousand in their window", () => {
    const clicks = 100_000;
    const index = new ClickIndex(1, true);
    let claimed = 0;
    for (let i = 0; i < clicks; i++) {
      index.add(0, 1, 7, i, i);
      index.claim(1, 7, [i - 1000, i], () => claimed++);
      index.evict(0, i - clicks / 2);
    }
    expect(claimed).toBe(clicks);
    // Added, claimed and evicted: three descents of a tree of 50,000.
    expect(index.steps / clicks).toBeLessThan(3 * 2 * Math.log(50_000) + 10);
  });

  it("counts the nine bytes of a tag", () => {
    const [plain, tagged] = [new ClickIndex(1), new ClickIndex(1, true)];
    for (let i = 0; i < 5000; i++) for (const index of [plain, tagged]) index.add(0, i, i, i);
    expect(tagged.bytes / plain.bytes).toBeGreaterThan(1.2);
    expect((tagged.bytes - plain.bytes) % 9).toBe(0);
  });
});
