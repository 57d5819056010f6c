import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { fingerprint } from "../../../src/sources/files/fingerprint.js";
import { inputsOf } from "../../../src/sources/files/inputs.js";
import { openSource } from "../../../src/sources/source.js";
import { sampleLines, temporaryFolder } from "../samples.js";

const folder = temporaryFolder();
const put = (name: string, bytes: Uint8Array | string) => {
  writeFileSync(join(folder, name), bytes);
  return name;
};
const open = (...specs: string[]) => openSource(specs, { folder });

describe("fingerprints", () => {
  const START = { file: 0, offset: 0, row: 0 };
  const contents = [sampleLines(100_000, 1), sampleLines(1000, 2)];
  for (const [i, bytes] of contents.entries()) put(`part-${i}.tsv`, bytes);
  put("part-0.tsv.gz", gzipSync(contents[0]));
  const fingerprintsOf = async (...specs: string[]) => {
    const source = open(...specs);
    await source.open({ ...START, file: specs.length - 1 });
    await source.close();
    return source.fingerprints;
  };

  it("are the length and XXH64 of the first 64 KiB, and the file's own name", async () => {
    mkdirSync(join(folder, "deep"));
    expect(await fingerprintsOf(put("deep/three.tsv", "abc"))).toEqual(["3 44bc2cf5ad770999 three.tsv"]);
    expect((await fingerprintsOf("part-0.tsv"))[0]).toMatch(/^65536 [0-9a-f]{16} part-0.tsv$/);
  });

  it("of a compressed file are of its content", async () => {
    const [plain] = await fingerprintsOf("part-0.tsv");
    expect(await fingerprintsOf("part-0.tsv.gz")).toEqual([`${plain}.gz`]);
  });

  it("leave no file open that cannot be read", async () => {
    let closed = 0;
    const read = () => Promise.reject(new Error("damaged"));
    const input = {
      ...inputsOf("part-0.tsv", folder)[0],
      open: async () => ({ read, consumed: 0, close: () => void closed++ }),
    };
    await expect(fingerprint(input)).rejects.toThrow("damaged");
    expect(closed).toBe(1);
  });

  it("remain valid when lines were appended, files were added, or the folder was moved", async () => {
    const before = await fingerprintsOf(put("growing.tsv", "1\n2\n"), "part-0.tsv");
    appendFileSync(join(folder, "growing.tsv"), "3\n");
    mkdirSync(join(folder, "moved"));
    put("moved/part-0.tsv", contents[0]);
    await open("growing.tsv", "moved/part-0.tsv", "part-1.tsv").verify(before);
  });

  it("become invalid when the beginning or the order changed, or files are missing", async () => {
    const before = await fingerprintsOf(put("changing.tsv", "1\n2\n"), "part-0.tsv");
    const refused = (...specs: string[]) =>
      expect(open(...specs).verify(before)).rejects.toMatchObject({
        code: "source_changed",
        message: expect.stringContaining(specs[0]),
      });
    await refused("part-0.tsv", "changing.tsv");
    await expect(open("changing.tsv").verify(before)).rejects.toMatchObject({ code: "source_changed" });
    put("changing.tsv", "1\n9\n");
    await refused("changing.tsv", "part-0.tsv");
    put("changing.tsv", "1\n");
    await refused("changing.tsv", "part-0.tsv");
  });
});
