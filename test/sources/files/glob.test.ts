import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openSource } from "../../../src/sources/source.js";
import { temporaryFolder } from "../samples.js";

const folder = temporaryFolder();
const put = (name: string, bytes: Uint8Array | string) => {
  writeFileSync(join(folder, name), bytes);
  return name;
};
const open = (...specs: string[]) => openSource(specs, { folder });

describe("patterns", () => {
  beforeAll(() => {
    mkdirSync(join(folder, "days/2025/b"), { recursive: true });
    mkdirSync(join(folder, "days/.git"), { recursive: true });
    const files = [
      "d10.tsv",
      "d2.tsv",
      "d1.tsv",
      "D1.tsv",
      ".hidden.tsv",
      "x.json",
      "we[ird].tsv",
      "2025/b/d3.tsv",
      "2025/d4.tsv",
      ".git/d5.tsv",
      "a+b.tsv",
    ];
    for (const name of files) put(`days/${name}`, name);
    mkdirSync(join(folder, "days/folder.tsv"));
    symlinkSync(join(folder, "days"), join(folder, "days/2025/loop"));
  });
  const list = (...specs: string[]) => open(...specs).files.map(({ name }) => name);

  it.each([
    ["days/d*.tsv", ["days/d1.tsv", "days/d10.tsv", "days/d2.tsv"]],
    ["days/d?.tsv", ["days/d1.tsv", "days/d2.tsv"]],
    ["days/[dD]1.tsv", ["days/D1.tsv", "days/d1.tsv"]],
    ["days/d[!1]*.tsv", ["days/d2.tsv"]],
    ["days/[0-9]*/*.tsv", ["days/2025/d4.tsv"]],
    ["days/**/d[345].tsv", ["days/2025/b/d3.tsv", "days/2025/d4.tsv"]],
    ["**/d3.tsv", ["days/2025/b/d3.tsv"]],
    ["./days/.h*", ["days/.hidden.tsv"]],
    ["days/we[ird].tsv", ["days/we[ird].tsv"]],
    ["days/a+*.tsv", ["days/a+b.tsv"]],
  ])("%s", (pattern, expected) => {
    expect(list(pattern)).toEqual(expected);
  });

  it("keeps the order of arguments, sorts within each, and takes absolute patterns", () => {
    expect(list("days/x.json", join(folder, "days/d?.tsv"), "days/x.json")).toEqual([
      "days/x.json",
      join(folder, "days/d1.tsv"),
      join(folder, "days/d2.tsv"),
      "days/x.json",
    ]);
  });

  it("says what is wrong with a set that goes backwards, and with a link to itself", () => {
    expect(() => list("days/d[9-1].tsv")).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining("days/d[9-1].tsv") }),
    );
    symlinkSync("round", join(folder, "round"));
    expect(() => list("rou*")).toThrow(expect.objectContaining({ code: "source_unreadable" }));
  });
});
