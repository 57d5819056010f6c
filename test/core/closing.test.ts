import { expect, it } from "vitest";
import { closeAll, closingAfter } from "../../src/core/closing.js";

const failing = (text: string) => async () => {
  throw new Error(text);
};

it("everything is closed although one of it fails, and the first failure is told", async () => {
  const closed: string[] = [];
  const parts = [() => closed.push("a"), failing("b"), failing("c"), async () => void closed.push("d")];
  await expect(closeAll(null, ...parts.map((close) => ({ close })))).rejects.toThrow("b");
  expect(closed).toEqual(["a", "d"]);
});

it("a failure is not hidden by another one of closing what it left open", async () => {
  let closed = 0;
  const [good, bad] = [{ close: () => void closed++ }, { close: failing("closed twice") }];
  await expect(closingAfter(failing("full disk"), bad)).rejects.toThrow("full disk");
  await expect(closingAfter(async () => 1, bad)).rejects.toThrow("closed twice");
  expect(await closingAfter(async () => 1, good)).toBe(1);
  await expect(closingAfter(failing("full disk"), good)).rejects.toThrow("full disk");
  expect(closed).toBe(2);
});
