import { afterEach, expect, it, vi } from "vitest";
import { startTeller } from "../../src/cli/started.js";

const report = { from: "runs/a/checkpoint-1", examples: 1, parts: [], frozen: [] };
afterEach(() => void vi.restoreAllMocks());

it("how a run started is printed once, from its report where it ended before any progress: short runs printed nothing", () => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const short = startTeller();
  short(report);
  expect(write.mock.calls.join()).toContain("starts from runs/a/checkpoint-1");
  const long = startTeller();
  for (const started of [report, null, report]) long(started);
  expect(write).toHaveBeenCalledTimes(2);
  startTeller()(undefined);
  expect(write).toHaveBeenCalledTimes(2);
});
