import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { exportModel } from "../../src/exports/export-model.js";
import { Scorer } from "../../src/portable/node.js";
import { Scorer as ServerScorer } from "../../src/serve/scorer.js";
import { simulate } from "../../src/sources/simulator/run.js";
import { predict } from "../../src/train/prediction/predict.js";
import { train } from "../../src/train/train.js";
import { hasBrowser, openBrowser, openPage, serveFolders } from "./browser.js";

const folder = mkdtempSync(join(tmpdir(), "portable-"));
const REQUEST = {
  context: { user: "u20150", device: "phone", hour_of_day: 21, slot: "feed-2" },
  candidates: [...Array(20).keys()].map((i) => ({ ad: `a${i}`, campaign: `c${i % 7}`, ad_category: "games" })),
};
const MODELS = { tower: "features/ads-demo.yaml", lr: "features/ads-demo-lr.yaml" } as const;
type Name = keyof typeof MODELS;
const NAMES = Object.keys(MODELS) as Name[];
const checkpoint = (name: Name) => join(folder, name);
const file = (name: Name) => join(folder, `${name}-exported`, "scorer.hbd");
/** The server's response. */
const served = {} as Record<Name, readonly number[]>;

beforeAll(async () => {
  for (const name of NAMES) {
    await train({ model: MODELS[name], data: "simulate:4000:7", out: checkpoint(name), threads: 1 });
    await exportModel({ checkpoint: checkpoint(name), out: join(folder, `${name}-exported`), formats: ["scorer"] });
    const server = await ServerScorer.load(checkpoint(name));
    served[name] = Array.from((await server.score(Buffer.from(JSON.stringify(REQUEST)))).scores);
    await server.close();
  }
});

async function withScorer<T>(source: Parameters<typeof Scorer.load>[0], use: (scorer: Scorer) => Promise<T>) {
  const scorer = await Scorer.load(source);
  try {
    return await use(scorer);
  } finally {
    await scorer.close();
  }
}

/** The error that something is refused with. */
const refused = (work: Promise<unknown>) => work.then(() => null).catch(({ code, message }) => `${code}: ${message}`);

it("a closed scorer refuses requests", async () => {
  const scorer = await Scorer.load(checkpoint(NAMES[0]));
  const last = scorer.score(REQUEST);
  await scorer.close();
  await expect(last).resolves.toMatchObject({ scores: expect.any(Array) });
  expect(await refused(scorer.score(REQUEST))).toBe("not_ready: the scorer is closed");
  await scorer.close();
});

describe("hashbrook/scorer in Node", () => {
  it.each(NAMES)(
    "scores with the server's bits, from a checkpoint, a file, its address and its bytes: %s",
    async (name) => {
      const sources = [checkpoint(name), file(name), pathToFileURL(file(name)), readFileSync(file(name))];
      for (const source of sources) {
        const { scores, model, ignored } = await withScorer(source, (scorer) => scorer.score(REQUEST));
        expect([scores, model.version, ignored]).toEqual([served[name], 4000, []]);
      }
    },
  );

  it("fetches a model whose http:// address is given as a text", async () => {
    const server = createServer((_, response) => response.end(readFileSync(file("lr")))).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/scorer.hbd`;
    try {
      const { scores } = await withScorer(address, (scorer) => scorer.score(REQUEST));
      expect(scores).toEqual(served.lr);
      expect(await ServerScorer.load(address).catch(({ code, hint }) => `${code}: ${hint}`)).toMatch(
        /^checkpoint_missing: an address is not a path: .*hashbrook pull/,
      );
    } finally {
      server.close();
    }
  });

  it("accepts bigints as ids, requests as text and bytes, and more candidates than rows of a run", async () => {
    await withScorer(file("lr"), async (scorer) => {
      const id = 2n ** 64n - 1n;
      const [a, b, c] = await Promise.all([
        scorer.score({ candidates: [{ ad: id }] }),
        scorer.score(`{"candidates": [{"ad": ${id}}]}`),
        scorer.score(Buffer.from(`{"candidates": [{"ad": "${id}"}]}`)),
      ]);
      expect([b.scores, c.scores]).toEqual([a.scores, a.scores]);
      const candidates = Array.from({ length: 700 }, (_, i) => ({ ad: `a${i % 20}`, other: 1 }));
      const many = await scorer.score({ candidates });
      expect([many.scores.length, many.scores[0], many.ignored]).toEqual([
        700,
        many.scores[680],
        ["candidates[].other"],
      ]);
    });
  });

  it("scores a request as it was when it was given, whatever its caller then makes of it", async () => {
    await withScorer(file("lr"), async (scorer) => {
      const request = { candidates: [{ ad: "a1" }] };
      const bytes = Buffer.from(JSON.stringify(request));
      const given = [scorer.score(request), scorer.score(bytes)];
      request.candidates = [];
      bytes.fill(32);
      const [a, b] = await Promise.all(given);
      expect([a.scores, b.scores]).toEqual(Array(2).fill((await scorer.score({ candidates: [{ ad: "a1" }] })).scores));
    });
  });

  it("reports errors of a request, a file or an address", async () => {
    await withScorer(file("lr"), async (scorer) => {
      expect(await refused(scorer.score({ candidates: [{}, { ad: Number.NaN }] }))).toBe(
        "request_invalid: body.candidates[1].ad: NaN cannot be written as JSON",
      );
      expect(await refused(scorer.score({ candidates: [{}, { ad: { a: 1 } }] }))).toMatch(
        /^request_invalid: candidates\[1\]\.ad/,
      );
      expect(await refused(scorer.score("{"))).toMatch(/^request_invalid: body: not valid JSON/);
      expect((await scorer.score({ candidates: [{}] })).scores).toHaveLength(1);
    });
    const bytes = readFileSync(file("lr"));
    const broken = bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte));
    expect(await refused(Scorer.load(broken))).toMatch(/^log_damaged: model file/);
    expect(await refused(Scorer.load(new Uint8Array(0)))).toMatch(/^log_damaged: model file/);
    writeFileSync(join(folder, "short.hbd"), bytes.subarray(0, bytes.length / 2));
    expect(await refused(Scorer.load(join(folder, "short.hbd")))).toMatch(/^log_damaged: model file/);
    writeFileSync(join(folder, "other.onnx"), "no model of ours");
    await expect(Scorer.load(join(folder, "other.onnx"))).rejects.toMatchObject({
      message: expect.stringContaining("model file: damaged"),
      hint: expect.stringContaining("hashbrook export --format scorer"),
    });
    expect(await refused(Scorer.load(join(folder, "nothing")))).toMatch(/^checkpoint_missing: /);
  });

  it("returns calibrated probabilities beside raw ones, like predict", async () => {
    const [model, out, scored] = ["calibrated.yaml", "calibrated", "scored.jsonl"].map((name) => join(folder, name));
    writeFileSync(model, `${readFileSync(MODELS.lr, "utf8")}\ncalibration: isotonic\n`);
    await train({ model, data: "simulate:4000:7", out, threads: 1 });
    const [tsv, json] = await Promise.all(
      (["tsv", "json"] as const).map(async (format) => {
        const path = join(folder, `events.${format}`);
        writeFileSync(path, "");
        await simulate({ rows: 50, seed: 9, format, write: (bytes) => appendFileSync(path, bytes) });
        return path;
      }),
    );
    await predict({ checkpoint: out, data: [tsv], out: scored, format: "jsonl", columns: ["ad"] });
    const lines = (path: string) => readFileSync(path, "utf8").trim().split("\n");
    const predicted = lines(scored).map((line) => JSON.parse(line) as { score: number; calibrated: number });
    const request = `{"candidates": [${lines(json)}]}`;
    await exportModel({ checkpoint: out, out, formats: ["scorer"] });
    for (const source of [out, join(out, "scorer.hbd")]) {
      const { scores, calibrated } = await withScorer(source, (scorer) => scorer.score(request));
      const texts = (values: readonly number[]) => Array.from(Float32Array.from(values));
      expect(scores).toEqual(texts(predicted.map(({ score }) => score)));
      expect(calibrated).toEqual(texts(predicted.map((line) => line.calibrated)));
    }
  });

  it("int8 weights make the file smaller and change scores little", async () => {
    const out = join(folder, "int8");
    await exportModel({ checkpoint: checkpoint("tower"), out, formats: ["scorer"], precision: "int8" });
    const small = readFileSync(join(out, "scorer.hbd"));
    expect(small.length).toBeLessThan(0.9 * readFileSync(file("tower")).length);
    const { scores } = await withScorer(small, (scorer) => scorer.score(REQUEST));
    expect(scores.map((score, i) => Math.abs(score - served.tower[i]) < 0.01)).not.toContain(false);
  });
});

describe.skipIf(!hasBrowser())("examples/browser in Chromium", () => {
  it.each(NAMES)("%s: shows the server's scores, best first; for lr bit for bit", async (name) => {
    const { url, close } = await serveFolders({ "": ".", models: folder });
    const browser = await openBrowser();
    try {
      const page = await openPage(browser);
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      await page.goto(`${url}/examples/browser/?model=/models/${name}-exported/scorer.hbd`);
      await page.getByText("4,000 examples learned").waitFor();
      await page.fill("#request", JSON.stringify(REQUEST));
      await page.click("button");
      await page.getByText("20 candidates in").waitFor();
      if (process.env.HASHBROOK_SCREENSHOTS)
        await page.screenshot({ path: `${process.env.HASHBROOK_SCREENSHOTS}/${name}.png` });
      const shown = await page.locator("td.score").allTextContents();
      expect(shown).toEqual(served[name].toSorted((a, b) => b - a).map((score) => score.toPrecision(4)));
      const scores = await page.evaluate<number[]>(scoreInPage(`/models/${name}-exported/scorer.hbd`));
      if (name === "lr") expect(scores).toEqual(served.lr);
      expect(scores.every((score, i) => Math.abs(score - served[name][i]) < 1e-6)).toBe(true);
      await page.fill("#request", '{"candidates": [{"ad": {}}]}');
      await page.click("button");
      await page.locator("#state.error").waitFor();
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
      close();
    }
  });
});

/** Source text to run in the page: vitest would transform a function that imports. */
const scoreInPage = (file: string): string => `import("hashbrook/scorer")
  .then(({ Scorer }) => Scorer.load("${file}"))
  .then((scorer) => scorer.score(${JSON.stringify(REQUEST)}))
  .then(({ scores }) => scores)`;
