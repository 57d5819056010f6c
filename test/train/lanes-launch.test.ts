import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run } from "../e2e/hashbrook.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-launch-"));
const out = join(folder, "out");

it("an invalid spec is reported once for all processes, and nothing is created", async () => {
  const model = join(folder, "bad.yaml");
  writeFileSync(model, "name: bad\nnothing: else\n");
  const kafka = ["--kafka", "localhost:1", "--topic", "t", "--lanes", "2", "--processes", "2"];
  const { status, stderr } = await run(["train", "--model", model, ...kafka, "--out", out]);
  expect(status).toBe(2);
  expect(stderr.match(/nothing/g)?.length).toBe(1);
  expect(existsSync(out)).toBe(false);
});

it.each([
  [["--processes", "2", "--lane", "0/2"], "--processes and --lane"],
  [["--processes", "2", "--model", "features/ads-demo-lr.yaml"], "one --model"],
])("%j is refused before any process starts", async (flags, message) => {
  const kafka = ["--kafka", "localhost:1", "--topic", "t", "--lanes", "2"];
  const { status, stderr } = await run([
    "train",
    "--model",
    "features/ads-demo.yaml",
    ...kafka,
    "--out",
    out,
    ...flags,
  ]);
  expect(status).toBe(2);
  expect(stderr).toContain(message);
});
