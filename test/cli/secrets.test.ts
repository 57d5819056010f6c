import { afterEach, expect, it, vi } from "vitest";
import { hashbrook } from "../../src/cli/program.js";

afterEach(() => vi.restoreAllMocks());

it.each([
  ["train", "--json", "--kafka", "alice:hun/t@er2@kafka:9092"],
  ["train", "--json", "--schema-registry", "ftp://alice:hunter2@registry"],
  ["push", "--json", "--store", "https://alice:hunter2@bucket/x"],
  ["serve", "--row-cache", "redis://alice:hunter2@cache:x"],
  ["serve", "--follow", "kafka://alice:hunter2@kafka:9092/deltas"],
  ["serve", "--follow", "amqp://alice:hunter2@kafka/deltas"],
])("%s: an invalid address is refused without its login, which commander repeated (%#)", async (...args) => {
  const written: unknown[] = [];
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, "write").mockImplementation((text) => written.push(text) > 0);
  expect(await hashbrook(args)).toBe(2);
  const text = written.join("");
  expect(text).toContain("***@");
  expect(text).not.toMatch(/alice|hun|er2/);
});
