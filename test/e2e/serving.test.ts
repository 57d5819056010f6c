import type { ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serve } from "../../src/cli/serve.js";
import { Scorer } from "../../src/serve/scorer.js";
import { LR } from "../small-specs.js";
import { ended, report, run, start, temporary } from "./hashbrook.js";

const folder = temporary();
const events = join(folder, "events.tsv");
const json = join(folder, "events.json");
const ROWS = 300;

beforeAll(async () => {
  await run(["simulate", "--rows", String(ROWS), "--seed", "9", "--out", events]);
  await run(["simulate", "--rows", String(ROWS), "--seed", "9", "--format", "json", "--out", json]);
});

describe.each([
  ["ads-demo", "features/ads-demo.yaml"],
  ["ads-demo-lr", LR],
])("serving %s", (name, model) => {
  const out = join(folder, name);
  let server: ChildProcess;
  let url: string;
  const post = (body: string | Uint8Array<ArrayBuffer>, type = "application/json") =>
    fetch(`${url}/v1/score`, { method: "POST", headers: { "content-type": type }, body });

  beforeAll(async () => {
    await report(["train", "--model", model, "--data", "simulate:5000:5", "--out", out]);
    server = start(["serve", "--checkpoint", out, "--port", "0"]);
    const line = await new Promise<string>((resolve) => server.stdout!.once("data", (data) => resolve(String(data))));
    url = JSON.parse(line).listening;
  });

  afterAll(async () => {
    server.kill("SIGTERM");
    expect((await ended(server)).status).toBe(0);
  });

  it("returns predict's bits for any number of candidates", async () => {
    const file = join(folder, `${name}.txt`);
    await report(["predict", "--checkpoint", out, "--data", events, "--out", file]);
    const expected = readFileSync(file, "utf8").trim().split("\n").map(Number);
    expect(expected).toHaveLength(ROWS);
    const candidates = readFileSync(json, "utf8").trim().split("\n");
    for (const size of [1, 2, 3, 7, 64, 113]) {
      for (let from = 0; from < ROWS; from += size) {
        const response = await post(`{"candidates": [${candidates.slice(from, from + size).join(",")}]}`);
        const { scores } = (await response.json()) as { scores: number[] };
        expect(scores).toEqual(expected.slice(from, from + size));
      }
    }
  });

  it.each([
    ["f32", 0],
    ["int8", 0.02],
    ["int4", 0.2],
  ])("returns the same scores up to rounding with rows in %s", async (precision, bound) => {
    const lines = readFileSync(json, "utf8").trim().split("\n").slice(0, 50);
    const body = `{"candidates": [${lines.join(",")}]}`;
    const exact = ((await (await post(body)).json()) as { scores: number[] }).scores;
    const scorer = await Scorer.load(out, { precision: precision as "int8" });
    const { scores } = await scorer.score(Buffer.from(body));
    await scorer.close();
    expect(scores).toHaveLength(exact.length);
    for (const [i, score] of scores.entries()) expect(Math.abs(score - exact[i])).toBeLessThanOrEqual(bound);
  });

  it("lets candidates extend and override the context", async () => {
    const [first, second] = readFileSync(json, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const whole = await (await post(JSON.stringify({ candidates: [first, second] }))).json();
    const { ad: firstAd, ...context } = first;
    const split = await (await post(JSON.stringify({ context, candidates: [{ ad: firstAd }, second] }))).json();
    expect(split).toEqual(whole);
  });

  it("reports the model that scored, and that it is ready", async () => {
    const ready = await fetch(`${url}/v2/health/ready`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      ready: true,
      model: name,
      version: 5000,
      spec_hash: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(await (await post('{"candidates": [{}]}')).json()).toMatchObject({ model: name, version: 5000 });
  });

  it("lists members that no field reads", async () => {
    const response = await post('{"context": {"usr": "u1"}, "candidates": [{"ad": "a1"}]}');
    expect(await response.json()).toMatchObject({ ignored: ["context.usr"] });
  });

  it.each([
    ["not JSON", "{candidates: []}", 400, /not valid JSON/],
    ["not an object", "[1]", 400, /must be an object/],
    ["no candidates", '{"context": {}}', 400, /candidates: must be an array/],
    ["empty candidates", '{"candidates": []}', 400, /at least one/],
    ["a candidate that is no object", '{"candidates": [{}, 3]}', 400, /candidates\[1\]: must be an object/],
    ["an unknown member", '{"candidates": [{}], "model": 1}', 400, /body.model: unknown member/],
    [
      "a categorical object",
      '{"candidates": [{"ad": "x"}, {"ad": {"id": 1}}]}',
      400,
      /candidates\[1\]\.ad.*: bad_type/,
    ],
    ["a numeric string", '{"candidates": [{"price": "12"}]}', 400, /candidates\[0\]\.price: bad_type/],
    ["an infinite number", '{"candidates": [{"price": 1e999}]}', 400, /candidates\[0\]\.price: number_out_of_range/],
    [
      "a context of the wrong type",
      '{"context": {"price": true}, "candidates": [{}]}',
      400,
      /context\.price: bad_type/,
    ],
    ["an empty body", "", 400, /./],
  ])("refuses %s, naming the path", async (_, body, status, message) => {
    const response = await post(body);
    const answer = (await response.json()) as { error: string };
    expect([response.status, answer.error]).toEqual([status, expect.stringMatching(message)]);
  });

  it("refuses other content types and endpoints, invalid UTF-8 and too large bodies with 4xx", async () => {
    const plain = await post("{}", "text/plain");
    expect(plain.status).toBe(415);
    expect(await plain.json()).toMatchObject({ hint: expect.stringContaining("application/json") });
    expect((await fetch(`${url}/v1/nothing`)).status).toBe(404);
    expect((await post(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d))).status).toBe(400);
    expect((await post(`{"candidates": [{"ad": "${"x".repeat(5 << 20)}"}]}`)).status).toBe(413);
    expect((await post('{"candidates": [{"ad": "still here"}]}')).status).toBe(200);
  });

  it("keeps 64-bit ids exact", async () => {
    const ids = ["9007199254740993", "9007199254740992"];
    const asNumbers = await (await post(`{"candidates": [{"ad": ${ids[0]}}, {"ad": ${ids[1]}}]}`)).json();
    const asStrings = await (await post(JSON.stringify({ candidates: ids.map((ad) => ({ ad })) }))).json();
    expect(asNumbers).toEqual(asStrings);
  });
});

it("writes no lines for an empty file", async () => {
  const empty = join(folder, "empty.tsv");
  writeFileSync(empty, "");
  const { status, stdout } = await run([
    "predict",
    "--checkpoint",
    join(folder, "ads-demo"),
    "--data",
    empty,
    "--out",
    "-",
  ]);
  expect([status, stdout]).toEqual([0, ""]);
});

it("ends with an error when the thread of the models has ended: it answered 503 for ever, and nothing told why", async () => {
  const out = join(folder, "lost");
  await report(["train", "--model", LR, "--data", "simulate:500:5", "--out", out]);
  const workers: Worker[] = [];
  const started = (worker: Worker) => workers.push(worker);
  process.on("worker", started);
  const checkpoint = [{ name: undefined, source: out }];
  const flags = { checkpoint, host: "127.0.0.1", port: 0, workers: 1 };
  const serving = serve(flags, new AbortController().signal, () => void workers[0].terminate());
  await expect(serving).rejects.toMatchObject({
    code: "internal",
    message: expect.stringMatching("nothing can be scored any more: the model thread ended"),
  });
  process.off("worker", started);
});
