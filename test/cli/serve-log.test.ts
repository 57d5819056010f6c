import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { hashbrook } from "../../src/cli/program.js";

afterEach(() => vi.restoreAllMocks());

it.each([
  ["a missing checkpoint", ["--checkpoint", "no/such/run"], 5],
  ["two models without names", ["--checkpoint", ".", "--checkpoint", "."], 2],
])("serve --log with %s leaves no directory of the log behind", async (_, models, exit) => {
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const log = join(mkdtempSync(join(tmpdir(), "hashbrook-test-")), "log");
  expect(await hashbrook(["serve", ...models, "--log", log, "--port", "0"])).toBe(exit);
  expect(existsSync(log)).toBe(false);
});
