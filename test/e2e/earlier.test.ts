import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { specHash } from "../../src/spec/hash.js";
import { loadSpec } from "../../src/spec/parse.js";
import { train } from "../../src/train/train.js";

/** Checkpoints of 800 examples and what training them on to 2,000 gave, by the code of the commit it names. */
const folder = "test/fixtures/earlier";
const written = JSON.parse(readFileSync(join(folder, "written.json"), "utf8")) as {
  specs: Record<string, string>;
  checkpoints: Record<string, Record<string, string>>;
};

describe("files of an earlier version", () => {
  it.each(Object.entries(written.specs))("%s keeps its hash", (path, hash) => {
    expect(specHash(loadSpec(path))).toBe(hash);
  });

  it.each(Object.entries(written.checkpoints))(
    "a checkpoint of %s is resumed to the same bytes",
    async (name, files) => {
      const out = mkdtempSync(join(tmpdir(), "hashbrook-test-"));
      cpSync(join(folder, name), out, { recursive: true });
      await train({ model: join(folder, `${name}.yaml`), data: "simulate:2000:5", out, resume: true });
      const newest = join(out, "checkpoint-000000002000");
      const digests = readdirSync(newest).map((file) => [file, sha256(join(newest, file))]);
      expect(Object.fromEntries(digests)).toEqual(files);
    },
  );
});

const sha256 = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
