import { describe, expect, it } from "vitest";
import { packBf16, roundToBf16, unpackBf16 } from "../../src/core/bf16.js";
import fc from "../properties.js";

function rounded(...values: number[]): number[] {
  const floats = Float32Array.from(values);
  roundToBf16(floats);
  return [...floats];
}

describe("bf16", () => {
  it("rounds to the nearest of 8 bits, ties to even, and keeps the sign of zero", () => {
    expect(rounded(1 + 2 ** -9, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -0.3)).toEqual([1, 1, 1 + 2 ** -6, -0.30078125]);
    expect(rounded(0, -0, 2 ** -126, 2 ** -133)).toEqual([0, -0, 2 ** -126, 2 ** -133]);
  });

  it("leaves the largest floats finite", () => {
    const most = (2 - 2 ** -23) * 2 ** 127;
    expect(rounded(most, -most)).toEqual([(2 - 2 ** -7) * 2 ** 127, -(2 - 2 ** -7) * 2 ** 127]);
  });

  it("has a relative error of at most 1/256, and round-trips through two bytes", () => {
    const number = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.array(number), (values) => {
        const floats = Float32Array.from(values);
        roundToBf16(floats);
        for (const [i, value] of values.entries())
          expect(Math.abs(floats[i] - value)).toBeLessThanOrEqual(Math.max(Math.abs(value) / 256, 2 ** -133));
        expect(unpackBf16(packBf16(floats))).toEqual(floats);
      }),
    );
  });
});
