import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { rejectCodes } from "../../src/decode/reject.js";

it("documents exactly the existing reject codes", () => {
  const section = readFileSync("docs/FORMATS.md", "utf8").split("The codes:")[1].split("A checkpoint remembers")[0];
  const documented = [...section.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, code]) => code),
  );
  expect([...documented].sort()).toEqual([...rejectCodes].sort());
});
