import { describe, expect, it } from "vitest";
import { WildGradients } from "../../src/model/wild-gradients.js";

const usual = (n: number, norm = 0.2) => Array.from({ length: n }, (_, i) => norm * (1 + (i % 7) / 3));

/** The factors by which batches of 512 rows with these norms of dense gradients are multiplied. */
function factors(norms: readonly number[], wild = new WildGradients()): number[] {
  return norms.map((norm) => wild.factor([norm, 0.3], 512));
}

describe("a batch's gradients", () => {
  it("are unchanged while they vary as usual", () => {
    expect(new Set(factors(usual(500)))).toEqual(new Set([1]));
    expect(new Set(factors([...usual(100), 1.9, ...usual(100)]))).toEqual(new Set([1]));
  });

  it("a million times as large are limited to ten times the usual, first or later, and do not move the limit", () => {
    for (const at of [0, 3, 200]) {
      const wild = new WildGradients();
      const all = factors(usual(300).with(at, 2e5), wild);
      expect(all[at] * 2e5).toBeLessThan(5);
      expect(all.filter((factor) => factor < 1)).toEqual([all[at]]);
      expect(wild.clipped).toBe(1);
    }
  });

  it("that stay larger are followed", () => {
    expect(factors([...usual(100), ...usual(40, 20)]).at(-1)).toBe(1);
  });

  it("of a single positive among nearly certain rows are not clipped", () => {
    expect(new WildGradients().factor([0.9, 0.9], 1)).toBe(1);
    const wild = new WildGradients();
    for (let i = 0; i < 100; i++) wild.factor([0.001, 0.001], 1);
    expect(wild.factor([3, 3], 1)).toBe(1);
  });

  it("have the same bounds after a checkpoint; an old one starts without bounds", () => {
    const wild = new WildGradients();
    factors([...usual(80), 1e6], wild);
    const copy = new WildGradients();
    copy.restore(new Map(wild.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }])));
    expect(factors([1e3, ...usual(9)], copy)).toEqual(factors([1e3, ...usual(9)], wild));
    expect(copy.blocks()).toEqual(wild.blocks());
    const old = new WildGradients();
    old.restore(new Map());
    expect(old.clipped).toBe(0);
  });
});
