import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digests, report, run } from "./hashbrook.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-warm-"));
const at = (name: string) => join(folder, name);
const spec = readFileSync(new URL("../../features/ads-demo.yaml", import.meta.url), "utf8");

const train = (out: string, model: string, ...args: string[]) =>
  report(["train", "--data", at("rest.tsv"), "--model", at(model), "--out", at(out), ...args]);

beforeAll(async () => {
  await run(["simulate", "--rows", "12000", "--seed", "3", "--out", at("all.tsv")]);
  const rows = readFileSync(at("all.tsv"), "utf8").trimEnd().split("\n");
  writeFileSync(at("first.tsv"), `${rows.slice(0, 6000).join("\n")}\n`);
  writeFileSync(at("rest.tsv"), `${rows.slice(6000).join("\n")}\n`);
  writeFileSync(at("wide.yaml"), spec);
  const narrow = spec.split("\n").filter((line) => !/name: ad,|^ {2}ads:/.test(line));
  writeFileSync(at("narrow.yaml"), narrow.join("\n"));
  await report(["train", "--data", at("first.tsv"), "--model", at("narrow.yaml"), "--out", at("narrow")]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("train --init-from", () => {
  it("reports what happened to each part, and is better than a cold start", async () => {
    const warm = await train("warm", "wide.yaml", "--init-from", at("narrow"), "--freeze", "tables.context");
    const cold = await train("cold", "wide.yaml");
    expect(warm.started).toMatchObject({ examples: 6000, frozen: ["tables.context"] });
    expect(warm.started!.parts.find(({ name }) => name === "ads")).toMatchObject({ outcome: "fresh" });
    expect(cold.started).toBeUndefined();
    expect(warm.logloss!).toBeLessThan(cold.logloss!);
  });

  it("gives the same bytes when stopped and resumed, including frozen parts", async () => {
    const flags = ["--init-from", at("narrow"), "--freeze", "tables.context"];
    await train("halves", "wide.yaml", ...flags, "--limit", "3072");
    const halves = await train("halves", "wide.yaml", "--resume");
    await train("whole", "wide.yaml", ...flags);
    expect(halves.started).toBeUndefined();
    expect(digests(at("halves"))).toEqual(digests(at("whole")));
  });

  it.each([
    ["no checkpoint", ["--init-from", folder], /checkpoint_missing|no finished checkpoint/],
    ["no such part", ["--init-from", "narrow", "--freeze", "tables.contxt"], /did you mean tables.context/],
  ])("refuses %s, and writes nothing", async (_, args, message) => {
    const given = args.map((arg) => (arg === "narrow" ? at("narrow") : arg));
    const line = ["train", "--data", at("rest.tsv"), "--model", at("wide.yaml"), "--out", at("none"), ...given];
    const { status, stderr } = await run(line);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
  });

  it("prints one line per part", async () => {
    const line = ["train", "--data", at("rest.tsv"), "--model", at("wide.yaml"), "--out", at("told"), "--limit", "600"];
    const { stderr } = await run([...line, "--init-from", at("narrow")]);
    expect(stderr).toMatch(/table ads: fresh \(no such table in the checkpoint\)/);
    expect(stderr).toMatch(/tower residual\.0\.inner\.w: resized/);
  });
});
