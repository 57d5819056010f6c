import { expect, it } from "vitest";
import { ColumnMemory } from "../../src/kernels/column.js";

it("gives room for batches at addresses beyond 2 GiB", () => {
  const memory = new ColumnMemory({ shared: true });
  memory.take(2 ** 31);
  const at = memory.take(1000);
  expect(at).toBeGreaterThan(2 ** 31);
  expect(at % 64).toBe(0);
  expect(memory.bytes(at, 1000)).toEqual(new Uint8Array(1000));
});
