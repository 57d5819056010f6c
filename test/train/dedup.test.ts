import { describe, expect, it } from "vitest";
import type { Block } from "../../src/core/blocks.js";
import { DedupWindow } from "../../src/train/dedup.js";
import fc from "../properties.js";

/** Reference implementation with an array. */
class Plain {
  private ids: bigint[] = [];
  private readonly window: number;

  constructor(window: number) {
    this.window = window;
  }

  admit(id: bigint): boolean {
    if (this.ids.includes(id)) return false;
    this.ids = [...this.ids, id].slice(-this.window);
    return true;
  }
}

const admit = (dedup: DedupWindow, stream: readonly bigint[]) => [...dedup.admit(BigUint64Array.from(stream))];

const ids = fc.array(
  fc.oneof(fc.bigInt({ min: 0n, max: 40n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constant(1n << 32n)),
  { maxLength: 300 },
);

describe("the window of event ids", () => {
  it("holds exactly the latest ids, as a list would", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), ids, (window, stream) => {
        const [dedup, plain] = [new DedupWindow(window), new Plain(window)];
        expect(admit(dedup, stream)).toEqual(stream.map((id) => Number(plain.admit(id))));
      }),
    );
  });

  it("continues identically after it was saved and restored", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), ids, ids, (window, before, after) => {
        const first = new DedupWindow(window);
        admit(first, before);
        const second = new DedupWindow(window);
        const block = first.block();
        second.restore(new Map<string, Block>([[block.name, block]]));
        expect(second.block()).toEqual(block);
        expect(admit(second, after)).toEqual(admit(first, after));
      }),
    );
  });
});
