import { cpSync } from "node:fs";
import type { FastifyInstance } from "fastify";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Models } from "../../src/serve/models/models.js";
import { ServedModel } from "../../src/serve/models/served-model.js";
import { Scorer } from "../../src/serve/scorer.js";
import { createServer } from "../../src/serve/server.js";
import { hasBrowser, openBrowser, openPage } from "../portable/browser.js";
import { shop, twoVersions } from "./served.js";

const TOKEN = "the-only-client's-token";
let served: Awaited<ReturnType<typeof shop>>;
let app: FastifyInstance;
let scorer: Scorer;
let url: string;

beforeAll(async () => {
  served = await shop();
  scorer = await Scorer.load(served.checkpoint);
  const models = new Models();
  models.add(new ServedModel("shop", { scorer, source: served.checkpoint }));
  app = createServer(models, { tokens: [TOKEN], maxEventLoopDelay: 0 });
  url = await app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(async () => {
  await app.close();
  await scorer.close();
  await served.close();
});

const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
const score = (candidates: object[]) =>
  fetch(`${url}/v1/score`, { method: "POST", headers, body: JSON.stringify({ candidates }) });

describe("GET /v1/live", () => {
  it("returns the requests of the last minutes and the model's quality", async () => {
    await score([{ item: { id: "i1" } }, { item: { id: "i2" } }]);
    await score([]);
    const live = (await app.inject({ url: "/v1/live", headers })).json();
    const sum = (column: number[]) => column.reduce((a, b) => a + b, 0);
    const { requests, errors, candidates, scores } = live.traffic;
    expect([sum(requests), sum(errors), sum(candidates), sum(scores.counts)]).toEqual([2, 1, 2, 2]);
    const [model] = live.models;
    expect(model).toMatchObject({ name: "shop", version: 3000, ready: true, staleness: null });
    expect(model.quality.lifetime).toMatchObject({ to: 3000, auc: expect.any(Number), logloss: expect.any(Number) });
    expect(sum(model.quality.reliability.map((point: { examples: number }) => point.examples))).toBe(3000);
  });

  it.each([0, 1])(
    "returns how full the tables are, and how many ids of requests are unseen (%i workers)",
    async (workers) => {
      const own = await Scorer.load(served.checkpoint, { workers });
      const server = createServer(own, { maxEventLoopDelay: 0 });
      for (const id of ["i1", "i2", "never-seen", "i3"]) {
        await own.score(Buffer.from(JSON.stringify({ candidates: [{ item: { id, tags: ["t1"] } }] })));
      }
      const [model] = (await server.inject("/v1/live")).json().models;
      expect(model.tables.map(({ name }: { name: string }) => name)).toEqual(["users", "items", "makers"]);
      expect(model.tables[1]).toMatchObject({ encoding: "exact", rows: 40 });
      for (const { fill } of model.tables) expect(fill > 0 && fill < 0.1).toBe(true);
      expect(model.unseen).toEqual([
        { field: "user", looked: 0, unseen: 0 },
        { field: "item", looked: 4, unseen: 1 },
      ]);
      await server.close();
      await own.close();
    },
  );

  it.each([0, 1])(
    "returns the quality of the version that answers, even if newer ones are in its directory (%i workers)",
    async (workers) => {
      const { older, newer } = await twoVersions();
      const before = await Scorer.load(older, { workers });
      cpSync(newer, older, { recursive: true });
      const server = createServer(before, { maxEventLoopDelay: 0 });
      const [model] = (await server.inject("/v1/live")).json().models;
      expect(model).toMatchObject({ version: 1000, quality: { lifetime: { to: 1000 } } });
      await server.close();
      await before.close();
    },
  );

  it("requires the token; the page itself is public, and runs only its own scripts", async () => {
    expect((await app.inject("/v1/live")).statusCode).toBe(401);
    for (const path of ["/", "/live/page.js", "/live/page.css", "/live/uplot.js", "/live/uplot.css"]) {
      const { statusCode, headers } = await app.inject(path);
      expect([path, statusCode]).toEqual([path, 200]);
      expect(headers["content-security-policy"]).toContain("default-src 'self'");
    }
  });
});

describe.skipIf(!hasBrowser())("the page in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  it.each([
    [1280, "light"],
    [400, "dark"],
  ] as const)(
    "at %i pixels, %s: shows figures and plots, scores a request, looks up an id",
    async (width, colorScheme) => {
      const page = await openPage(browser, { viewport: { width, height: 900 }, colorScheme });
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      await page.goto(url);
      await page.fill("#login input", TOKEN);
      await page.click("#login button");
      await page.waitForSelector("#state.ready");
      expect(await page.textContent("#state")).toContain("version 3000");
      await page.waitForSelector("#card tr:nth-child(7)");
      expect(await page.textContent("#card")).toContain("item.price");
      expect(await page.textContent("#tables")).toMatch(/items, exact40\d+(\.\d+)? %/);
      expect(await page.textContent("#unseen")).toMatch(/item\d+ %\d/);
      for (const plot of ["requests", "latency", "scores", "reliability"])
        expect(await inked(page, plot)).toBeGreaterThan(100);

      await page.click("#score button");
      await page.waitForSelector("#score output:not(:empty)");
      expect(JSON.parse((await page.textContent("#score output"))!).scores).toEqual([expect.any(Number)]);
      await page.fill("#score textarea", "{}");
      await page.click("#score button");
      await page.waitForSelector("#score output.bad");
      expect(await page.textContent("#score output")).toMatch(/candidates/);

      await page.selectOption("#lookup select", "item");
      await page.fill("#lookup input", "i1");
      await page.click("#lookup button");
      await page.waitForSelector("#lookup output:not(:empty)");
      const found = JSON.parse((await page.textContent("#lookup output"))!);
      expect(found).toMatchObject({ id: "i1", learned: true, vector: expect.any(Array) });
      expect(found.neighbors).toHaveLength(5);

      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      expect(errors).toEqual([]);
      await page.close();
    },
  );

  /** Number of drawn pixels of a plot. */
  function inked(page: Page, plot: string): Promise<number> {
    return page.evaluate(`{
      const canvas = document.querySelector("#${plot} canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      data.filter((value, i) => i % 4 === 3 && value > 0).length;
    }`);
  }
});
