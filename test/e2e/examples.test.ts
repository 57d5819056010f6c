import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporary } from "./hashbrook.js";

const programs = readdirSync("examples").filter((name) => name.endsWith(".mjs"));

/** The output of an example, run in an empty folder. */
function output(name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [join("examples", `${name}.mjs`), temporary()], (error, stdout, stderr) =>
      error || stderr ? reject(error ?? new Error(stderr)) : resolve(stdout),
    );
  });
}

describe.concurrent("examples", { timeout: 180_000 }, () => {
  it("train.mjs learns preferences, and prints the quality", async () => {
    const text = await output("train");
    expect(Number(/last tenth[\s\S]*auc: ([\d.]+)/.exec(text)?.[1])).toBeGreaterThan(0.7);
    expect(text).toMatch(/^rejected: 0, distinct users: (9\d|10\d)$/m);
    expect(text).toMatch(/checkpoint-000000030000$/m);
  });

  it("daily.mjs scores each day before learning it, and learns none twice", async () => {
    const text = await output("daily");
    expect(text).toMatch(/ok: true,\s+accepted: 3000,\s+rejected: 0/);
    expect(text).toMatch(/^day 2, before it was learned: AUC 0\.\d+/m);
    expect(text).toContain("6000 events learned, 3000 of them now");
    expect(text).toMatch(/^event_id,score\n\w+,0\.\d+$/m);
    expect(text).toMatch(/^already_learned: .*day1\.tsv/m);
  });

  it("score.mjs ranks the candidates, and reports an invalid request", async () => {
    const text = await output("score");
    const ranked = [...text.matchAll(/'(a1|a2|a3|never seen)' +│ (0\.\d+)/g)];
    expect(ranked.map(([, ad]) => ad).sort()).toEqual(["a1", "a2", "a3", "never seen"]);
    const probabilities = ranked.map(([, , probability]) => Number(probability));
    expect(probabilities).toEqual(probabilities.toSorted((a, b) => b - a));
    expect(text).toContain("no field reads: [ 'candidates[].colour' ]");
    expect(text).toContain("request_invalid: candidates[1].ad: bad_type");
  });

  it("serve.mjs scores over HTTP, and counts requests", async () => {
    const text = await output("serve");
    expect(text).toMatch(/status: 200,\s+scores: \[ 0\.\d+, 0\.\d+ \]/);
    expect(text).toMatch(/status: 400,[\s\S]*code: 'request_invalid'/);
    expect(text).toContain("ready: true");
    expect(text).toContain(`hashbrook_score_requests_total{status="400"} 1`);
  });

  it("follow.mjs scores with what the trainer has learned since", async () => {
    const text = await output("follow");
    expect(text).toContain("before anything was learned: false null");
    const answers = [...text.matchAll(/scores: (\[.*\])[\s\S]*?version: (\d+)/g)];
    expect(answers.map(([, , version]) => Number(version))).toEqual([2000, 4000]);
    expect(answers[0][1]).not.toBe(answers[1][1]);
    expect(text).toContain("gaps: 0");
  });

  it("export.mjs finds the rows of ids in its export", async () => {
    const text = await output("export");
    expect(text).toMatch(/^model\.json tower\.onnx users\.safetensors ids\.safetensors ads\.safetensors/);
    const [, rows, dim, found] = /^(\d+) ads of (\d+) weights, (\d+) of them/m.exec(text)!.map(Number);
    expect([rows > 100, dim, found > 50 && found <= rows]).toEqual([true, 8, true]);
    const near = [...text.matchAll(/cosine: ([\d.]+)/g)].map(([, cosine]) => Number(cosine));
    expect(near).toEqual(near.toSorted((a, b) => b - a));
    expect([near.length, near[0] > 0.3 && near[0] <= 1]).toEqual([3, true]);
  });
});

it.each(programs)("examples/%s is short, and described in examples/README.md", (name) => {
  expect(readFileSync(join("examples", name), "utf8").trim().split("\n").length).toBeLessThanOrEqual(60);
  expect(readFileSync("examples/README.md", "utf8")).toContain(`[${name}](${name})`);
});
