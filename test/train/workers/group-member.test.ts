import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { GroupMember } from "../../../src/train/workers/group-member.js";
import { temporary } from "../../e2e/hashbrook.js";

it("is known to the next process of the directory, and not to one of a copy, whose original may still run", () => {
  const folder = temporary();
  const [directory, copy] = [join(folder, "run"), join(folder, "copy")];
  mkdirSync(directory);
  const member = new GroupMember(directory);
  expect(member.id).toBe(null);
  for (const id of ["hashbrook-1", "hashbrook-2"]) {
    member.named(id);
    expect([member.id, new GroupMember(directory).id]).toEqual([id, id]);
  }
  cpSync(directory, copy, { recursive: true });
  expect(new GroupMember(copy).id).toBe(null);
  expect(readFileSync(join(copy, "member"), "utf8")).toContain("hashbrook-2");
});

it("is read as earlier versions wrote it, and is null if nothing is stored or can be stored", () => {
  const directory = temporary();
  writeFileSync(join(directory, "member"), "hashbrook-1\n");
  expect(new GroupMember(directory).id).toBe("hashbrook-1");
  writeFileSync(join(directory, "member"), "");
  expect(new GroupMember(directory).id).toBe(null);
  const kept = new GroupMember(null);
  kept.named("hashbrook-3");
  expect(kept.id).toBe("hashbrook-3");
  const gone = new GroupMember(join(directory, "gone"));
  gone.named("hashbrook-4");
  expect(gone.id).toBe("hashbrook-4");
});
