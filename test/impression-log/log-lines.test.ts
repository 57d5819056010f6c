import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { linesOf } from "../../src/impression-log/log-lines.js";

it("lets a signal end verify and eval --ips before the log's end, instead of at its end", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "hashbrook-lines-")), "log.jsonl");
  writeFileSync(file, `${"x".repeat(1023)}\n`.repeat(4096));
  let [told, read] = [false, 0];
  setImmediate(() => {
    told = true;
  });
  for await (const lines of linesOf([file])) {
    if (told) break;
    read += lines.length;
  }
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThan(4096);
});
