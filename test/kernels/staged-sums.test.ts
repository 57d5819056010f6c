import { expect, it } from "vitest";
import { packBf16, roundToBf16 } from "../../src/core/bf16.js";
import { Rng } from "../../src/core/rng.js";
import { stageSums } from "../../src/kernels/staged-sums.js";
import { tableKernel } from "../../src/kernels/table.js";

it("sums are the same whether they arrive as f32 or as bf16, of any length, and nothing is written past their end", () => {
  const { kernel, memory } = tableKernel();
  const rng = new Rng(3);
  const at = kernel.workspace(4 * 64) >>> 0;
  for (let count = 0; count <= 40; count++) {
    const sums = Float32Array.from({ length: count }, () => (rng.uniform() - 0.5) * 10 ** (rng.below(60) - 30));
    roundToBf16(sums);
    const staged = new Float32Array(memory.buffer, at, count + 8).fill(7);
    for (const given of [sums, packBf16(sums)]) {
      staged.fill(7);
      stageSums(kernel, staged, given);
      expect([...staged]).toEqual([...sums, ...Array(8).fill(7)]);
    }
  }
});
