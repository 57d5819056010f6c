import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAdminServer } from "../../../src/serve/admin-server.js";
import { Models } from "../../../src/serve/models/models.js";
import { ServedModel } from "../../../src/serve/models/served-model.js";
import { Scorer } from "../../../src/serve/scorer.js";
import { createServer } from "../../../src/serve/server.js";
import { train } from "../../../src/train/train.js";
import { temporary } from "../../e2e/hashbrook.js";
import { LR } from "../../small-specs.js";
import { twoVersions } from "../served.js";

const TOKEN = "an-admin's-token-of-32-characters";
let files: Awaited<ReturnType<typeof twoVersions>>;
let models: Models;
let app: FastifyInstance;
let admin: FastifyInstance;
const warnings: string[] = [];

beforeAll(async () => {
  files = await twoVersions();
  models = new Models();
  const add = async (name: string, source: string) =>
    models.add(new ServedModel(name, { scorer: await Scorer.load(source), source }));
  await add("ads", files.older);
  await add("feed", files.newer);
  app = createServer(models, { maxEventLoopDelay: 0, warn: (text) => warnings.push(text) });
  admin = createAdminServer(models, { tokens: [TOKEN], load: (path) => Scorer.load(path) });
});
afterAll(async () => {
  await app.close();
  await admin.close();
  await models.close();
});

async function control(action: string, body?: object, token = TOKEN) {
  const headers = { authorization: `Bearer ${token}` };
  const url = `/v1/models/${action}`;
  const response = await admin.inject({ method: "POST", url, headers, ...(body && { payload: body }) });
  return { status: response.statusCode, ...response.json() };
}
const versionOf = (key: string) => models.choose("ads", { key }).version?.version;
const keys = Array.from({ length: 2000 }, (_, i) => `user-${i}`);

describe("a server of several models", () => {
  it("answers for the model in the request, and lists the models", () => {
    expect(models.choose("ads").version?.version).toBe(1000);
    expect(models.choose("feed").version?.version).toBe(2000);
    expect(() => models.choose("shop")).toThrow(expect.objectContaining({ code: "model_unknown" }));
    expect(() => models.choose()).toThrow(expect.objectContaining({ hint: "served models: ads, feed" }));
  });

  it("loads a version beside the others, gives it a share of the keys, moves labels, rolls back and unloads", async () => {
    const loaded = await control("ads:load", { checkpoint: files.newer, label: "canary" });
    expect(loaded).toMatchObject({
      status: 200,
      labels: { stable: 1000, canary: 2000, shadow: null },
      canary_share: 0,
    });
    expect(keys.every((key) => versionOf(key) === 1000)).toBe(true);

    expect(await control("ads:labels", { canary_share: 0.1 })).toMatchObject({ status: 200, canary_share: 0.1 });
    const canaries = keys.filter((key) => versionOf(key) === 2000);
    expect(canaries.length).toBeGreaterThan(150);
    expect(canaries.length).toBeLessThan(250);
    await control("ads:labels", { canary_share: 0.3 });
    expect(canaries.every((key) => versionOf(key) === 2000)).toBe(true);

    expect(await control("ads:labels", { stable: 2000, canary: null })).toMatchObject({
      labels: { stable: 2000, canary: null },
      previous: 1000,
    });
    expect(versionOf("anybody")).toBe(2000);
    expect(await control("ads:rollback")).toMatchObject({ status: 200, labels: { stable: 1000 }, previous: 2000 });
    expect(versionOf("anybody")).toBe(1000);

    expect(await control("ads:unload", { version: 1000 })).toMatchObject({ status: 400, code: "request_invalid" });
    expect(await control("ads:unload", { version: 2000 })).toMatchObject({ status: 200, previous: null });
    expect(await control("ads:rollback")).toMatchObject({ status: 404, code: "model_unknown" });
  });

  it("a version that is loaded again replaces itself, with its labels, so that a number names one version", async () => {
    await control("ads:load", { checkpoint: files.newer, label: "canary" });
    const before = models.choose("ads", { label: "canary" });
    const again = await control("ads:load", { checkpoint: files.newer, label: "shadow" });
    const newer = { version: 2000, source: files.newer, labels: ["canary", "shadow"] };
    expect(again).toMatchObject({ status: 200, versions: [{ version: 1000, labels: ["stable"] }, newer] });
    expect(again.versions.length).toBe(2);
    expect(models.choose("ads", { label: "canary" })).not.toBe(before);
    const elsewhere = join(temporary(), "copy");
    cpSync(files.newer, elsewhere, { recursive: true });
    expect(await control("ads:load", { checkpoint: elsewhere })).toMatchObject({
      status: 400,
      error: expect.stringMatching(/^version 2000 of spec \w{16}: is already loaded, from /),
    });
    await control("ads:labels", { canary: null, shadow: null });
    await control("ads:unload", { version: 2000 });
  });

  it("versions of different specs with the same number are distinguished by their specs", async () => {
    const [other, model] = ["other", "other.yaml"].map((name) => join(temporary(), name));
    writeFileSync(model, readFileSync(LR, "utf8").replace(/^name: .*/m, "name: other"));
    await train({ model, data: "simulate:2000:7", limit: 1000, out: other });
    const loaded = await control("ads:load", { checkpoint: other, label: "canary" });
    const [one, two] = loaded.versions.map((version: { spec_hash: string }) => `1000@${version.spec_hash}`);
    for (const [action, order] of [
      ["ads:labels", { stable: 1000 }],
      ["ads:unload", { version: "1000@0123456789abcdef" }],
      ["ads:labels", { canary: "1000@x" }],
    ] as const)
      expect((await control(action, order)).status).toBeGreaterThanOrEqual(400);
    expect(await control("ads:labels", { stable: 1000 })).toMatchObject({
      hint: `name the spec too: "${one}" or "${two}"`,
    });
    expect(await control("ads:labels", { stable: two, canary: null })).toMatchObject({
      versions: [{ labels: [] }, { labels: ["stable"] }],
    });
    expect(await control("ads:rollback")).toMatchObject({ versions: [{ labels: ["stable"] }, { labels: [] }] });
    expect(await control("ads:unload", { version: 1000 })).toMatchObject({
      status: 200,
      versions: [{ source: files.older }],
    });
  });

  it("answers by the version or label in the path, and sends shadow traffic", async () => {
    const ask = async (path: string, key = "k") => {
      const headers = { "content-type": "application/json", "x-request-key": key };
      const response = await app.inject({
        method: "POST",
        url: `/v1/models/ads${path}:score`,
        payload: files.body,
        headers,
      });
      return { status: response.statusCode, ...response.json() };
    };
    await control("ads:load", { checkpoint: files.newer, label: "shadow" });
    expect(await ask("")).toMatchObject({ status: 200, version: 1000 });
    expect(await ask("/versions/2000")).toMatchObject({ status: 200, version: 2000 });
    expect(await ask("/labels/shadow")).toMatchObject({ status: 200, version: 2000 });
    expect(await ask("/labels/canary")).toMatchObject({ status: 404, code: "model_unknown" });
    expect(await ask("/labels/best")).toMatchObject({ status: 404, code: "model_unknown" });
    expect(await ask("/versions/3")).toMatchObject({ status: 404, code: "model_unknown" });
    expect((await app.inject("/metrics")).body).toMatch(/^hashbrook_shadow_difference_count\{model="ads"\} [1-9]/m);
    await control("ads:labels", { shadow: null, canary: 2000, canary_share: 1 });
    expect(await ask("", "anybody")).toMatchObject({ version: 2000 });
    await control("ads:labels", { canary: null });
    await control("ads:unload", { version: 2000 });
  });

  it("counts what a shadow cannot score, and reports it once, also without --log", async () => {
    await control("ads:load", { checkpoint: files.newer, label: "shadow" });
    const shadow = models.model("ads").shadow!;
    const { scored } = shadow;
    shadow.scored = () => Promise.reject(new Error("out of memory"));
    const ask = async () => {
      const headers = { "content-type": "application/json" };
      const { statusCode } = await app.inject({
        method: "POST",
        url: "/v1/models/ads:score",
        payload: files.body,
        headers,
      });
      expect(statusCode).toBe(200);
      return (await app.inject("/metrics")).body;
    };
    await ask();
    expect(await ask()).toMatch(/^hashbrook_shadow_failures_total\{model="ads"\} 2$/m);
    expect(warnings).toEqual(["model ads: its shadow cannot score, which answers nobody: out of memory"]);
    shadow.scored = scored;
    await ask();
    await control("ads:labels", { shadow: null });
    await control("ads:unload", { version: 2000 });
  });

  it.each([
    ["feed:labels", { stable: 3 }, 404, "model_unknown"],
    ["feed:labels", { stable: null }, 400, "request_invalid"],
    ["feed:labels", { canary_share: 1.5 }, 400, "request_invalid"],
    ["feed:labels", { canary_share: "0.5" }, 400, "request_invalid"],
    ["feed:labels", { latest: 2000 }, 400, "request_invalid"],
    ["feed:load", { checkpoint: "nowhere/at/all" }, 404, "checkpoint_missing"],
    ["shop:rollback", undefined, 404, "model_unknown"],
    ["feed:destroy", undefined, 404, "not_found"],
  ])("refuses %s %j and changes nothing", async (action, body, status, code) => {
    const before = models.model("feed").state();
    expect(await control(action, body)).toMatchObject({ status, code, hint: expect.any(String) });
    expect(models.model("feed").state()).toEqual(before);
  });

  it("uses the name of the spec for a model without a name, also in errors and in the admin's state", async () => {
    const scorer = await Scorer.load(files.older);
    const model = Models.of(scorer).model();
    const name = scorer.version!.model;
    expect(model.state().name).toBe(name);
    expect(() => model.choose({ version: 3 })).toThrow(`model ${name}: version 3 is not loaded`);
    await expect(model.rollback()).rejects.toThrow(`model ${name}: has no previous version`);
    await scorer.close();
  });

  it("reports invalid admin requests like score requests, member first", async () => {
    expect(await control("ads:labels", { canary_share: 1.5 })).toMatchObject({
      error: "body.canary_share: must be <= 1",
    });
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const cut = await admin.inject({ method: "POST", url: "/v1/models/ads:labels", headers, payload: '{"stable": 1' });
    expect(cut.json()).toMatchObject({
      code: "request_invalid",
      error: expect.stringMatching(/^body: not valid JSON/),
    });
  });

  it("refuses members that :watch does not read", async () => {
    expect(await control("feed:watch", { version: 2000 })).toMatchObject({
      status: 400,
      error: "body: must NOT have additional properties: version",
    });
  });

  it("refuses admin requests without the token", async () => {
    expect(await control("ads:rollback", undefined, "another token, of 32 characters")).toMatchObject({
      status: 401,
      code: "unauthorized",
    });
    expect((await admin.inject("/v1/models")).statusCode).toBe(401);
  });

  it("exports metrics and readiness for each", async () => {
    const { body } = await app.inject("/metrics");
    expect(body).toMatch(/^hashbrook_model_version\{model="ads",label="stable"\} 1000$/m);
    expect(body).toMatch(/^hashbrook_model_version\{model="feed",label="stable"\} 2000$/m);
    const ready = (await app.inject("/v2/health/ready")).json();
    expect(ready).toMatchObject({
      ready: true,
      models: [
        { name: "ads", version: 1000 },
        { name: "feed", version: 2000 },
      ],
    });
    models.draining = true;
    expect((await app.inject("/v2/health/ready")).statusCode).toBe(503);
    models.draining = false;
  });
});
