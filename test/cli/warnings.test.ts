import { totalmem } from "node:os";
import { afterEach, expect, it, vi } from "vitest";
import { forgetShown, tellProgressWarnings } from "../../src/cli/warnings.js";
import { memoryLimit } from "../../src/core/memory.js";
import { noProgress } from "../train/metrics/no-progress.js";

afterEach(() => {
  vi.restoreAllMocks();
  forgetShown();
});

it("a run whose memory is nearly used up is warned once: it was killed without a word", () => {
  vi.spyOn(process, "constrainedMemory").mockReturnValue(400 << 20);
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  for (const mebibytes of [100, 350]) tellProgressWarnings({ ...noProgress, memory_bytes: mebibytes << 20 });
  expect(write).not.toHaveBeenCalled();
  for (const mebibytes of [370, 380])
    tellProgressWarnings({ ...noProgress, memory_bytes: mebibytes << 20, table_bytes: 240 << 20 });
  expect(write.mock.calls.join()).toContain("memory is short: 370.0 MiB of 400.0 MiB are in use, 240.0 MiB by tables");
  expect(write).toHaveBeenCalledTimes(1);
});

it("the memory of a machine without containers is all of it, whatever it reports for no limit", () => {
  for (const none of [0, 2 ** 63, 2 ** 64]) {
    vi.spyOn(process, "constrainedMemory").mockReturnValue(none);
    expect(memoryLimit()).toBe(totalmem());
  }
});
