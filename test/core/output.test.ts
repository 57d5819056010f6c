import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { nodeFiles } from "../../src/core/files.js";
import { Output, refuseInputs, writeOut } from "../../src/core/output.js";
import { errorOf, temporaryDirectory } from "../checkpoints/samples.js";

const folder = () => temporaryDirectory();
const text = (path: string) => readFileSync(path, "utf8");

describe("an output", () => {
  it("gets its name only once complete, and leaves no other file", async () => {
    const directory = folder();
    const path = join(directory, "scores.txt");
    writeFileSync(path, "yesterday", { mode: 0o640 });
    const output = Output.open(path);
    await writeOut(output, Buffer.from("to"));
    await writeOut(output, Buffer.from("day"));
    expect(text(path)).toBe("yesterday");
    output.commit();
    output.discard();
    expect([text(path), readdirSync(directory), statSync(path).mode & 0o777]).toEqual(["today", ["scores.txt"], 0o640]);
  });

  it("has its name durably: its folder is synced behind the renaming", () => {
    const path = join(folder(), "scores.txt");
    const { syncDirectory } = nodeFiles;
    const synced: boolean[] = [];
    nodeFiles.syncDirectory = (directory) => {
      synced.push(directory === dirname(path) && existsSync(path));
      syncDirectory(directory);
    };
    try {
      Output.open(path).commit();
    } finally {
      nodeFiles.syncDirectory = syncDirectory;
    }
    expect(synced).toEqual([true]);
  });

  it("removes what killed processes have left of it, and nothing of living ones", async () => {
    const directory = folder();
    const path = join(directory, "scores.txt");
    const program = `import { Output } from "./dist/core/output.js"; Output.open(process.argv[1]); setInterval(() => {}, 1e6);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program, path], { stdio: "ignore" });
    while (readdirSync(directory).length === 0) await sleep(20);
    const [, machine] = /-([0-9a-f]{8})-1\.tmp$/.exec(readdirSync(directory)[0])!;
    const elsewhere = machine === "00000000" ? "11111111" : "00000000";
    // Of a dead process here and on another machine, of an earlier version, and of another output.
    const made = [`999999999-1-${machine}-1`, `1-1-${elsewhere}-1`, `1-2-${elsewhere}-1`, "77-1", "78-1"];
    const names = [...made.map((owner) => `.scores.txt.${owner}.tmp`), `.scores.999999999-1-${machine}-1.tmp`];
    for (const name of names) writeFileSync(join(directory, name), "");
    for (const at of [2, 4]) utimesSync(join(directory, names[at]), 1, 1);
    const left = () => readdirSync(directory).filter((name) => name !== "scores.txt");
    Output.open(path).commit();
    expect(left()).toHaveLength(4);
    expect(left()).toEqual(expect.arrayContaining([names[1], names[3], names[5]]));
    child.kill("SIGKILL");
    await once(child, "exit");
    Output.open(path).commit();
    expect(left().sort()).toEqual([names[1], names[3], names[5]].sort());
  });

  it("that is discarded leaves the previous file, or nothing", async () => {
    const directory = folder();
    const [old, fresh] = [join(directory, "old"), join(directory, "fresh")];
    writeFileSync(old, "yesterday");
    for (const path of [old, fresh]) {
      const output = Output.open(path);
      await writeOut(output, Buffer.from("half"));
      output.discard();
    }
    expect([readdirSync(directory), text(old)]).toEqual([["old"], "yesterday"]);
  });

  it("behind a link replaces the link's target", () => {
    const directory = folder();
    const [link, target] = [join(directory, "link"), join(directory, "target")];
    symlinkSync("target", link);
    Output.open(link).commit();
    expect([lstatSync(link).isSymbolicLink(), text(target)]).toEqual([true, ""]);
  });

  it("does not match patterns while it is written", () => {
    const directory = folder();
    const output = Output.open(join(directory, "scores"));
    expect(readdirSync(directory).every((name) => name.startsWith("."))).toBe(true);
    output.discard();
  });

  it("to a device is written directly", async () => {
    const output = Output.open("/dev/null");
    await writeOut(output, Buffer.from("gone"));
    output.commit();
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });
});

describe("an output that is also an input", () => {
  let directory: string;
  let input: string;

  beforeEach(() => {
    directory = folder();
    input = join(directory, "events.tsv");
    writeFileSync(input, "1\n");
    symlinkSync(input, join(directory, "link"));
    linkSync(input, join(directory, "hard"));
    mkdirSync(join(directory, "sub"));
  });

  it.each(["events.tsv", "link", "hard", "sub/../events.tsv"])("is refused as %s, and left unchanged", (name) => {
    const error = errorOf(() => Output.open(`${directory}/${name}`, ["/dev/null", join(directory, "none"), input]));
    expect([error.code, text(input)]).toEqual(["usage", "1\n"]);
    expect(error.message).toMatch(/^--out .*is also an input/);
  });

  it("is not refused if only devices are the same, or if it does not exist yet", () => {
    expect(() => refuseInputs("/dev/null", ["/dev/null"])).not.toThrow();
    expect(() => refuseInputs(join(directory, "new"), [input])).not.toThrow();
  });

  it("is refused if it is a folder", () => {
    expect(errorOf(() => Output.open(join(directory, "sub"))).message).toMatch(/is a folder/);
  });
});
