import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { processFlags, threadFlags } from "../../src/core/node-flags.js";
import { temporary } from "../e2e/hashbrook.js";
import { LR } from "../small-specs.js";

describe("Node's flags", () => {
  it("of a thread are the process's, without those for a program that is a text", () => {
    expect(threadFlags(["--max-old-space-size=300", "--import", "./a.mjs"])).toBeUndefined();
    const flags = ["--max-old-space-size=300", "--import", "./a.mjs", "--input-type=module", "-r=b", "-e", "text"];
    expect(threadFlags(flags)).toEqual(["--import", "./a.mjs", "-r=b"]);
  });

  it("of the processes of lanes are the launcher's, but for a debugger's port, which only one can have", () => {
    const flags = ["--max-old-space-size=300", "--inspect=0", "--inspect-brk", "--import", "./a.mjs"];
    expect(processFlags(flags)).toEqual(["--max-old-space-size=300", "--import", "./a.mjs"]);
  });
});

it("a program given as a text (node --input-type=module) trains and serves", () => {
  const out = temporary();
  const program = `
    import { Scorer, train } from "./dist/index.js";
    const { examples } = await train({ model: "${LR}", data: "simulate:500:7", out: "${out}", checkpointEvery: 100 });
    const scorer = await Scorer.load("${out}");
    console.log(examples, scorer.health().status);
    await scorer.close();`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  expect([stdout, stderr]).toEqual([expect.stringMatching(/^500 /), ""]);
});
