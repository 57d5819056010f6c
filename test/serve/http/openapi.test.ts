import { afterAll, beforeAll, expect, it } from "vitest";
import { Compile } from "../../../src/schema/compile.js";
import type { TSchema } from "../../../src/schema/typebox.js";
import { createAdminServer } from "../../../src/serve/admin-server.js";
import { Models } from "../../../src/serve/models/models.js";
import { Scorer } from "../../../src/serve/scorer.js";
import { createServer } from "../../../src/serve/server.js";
import { event, shop } from "../served.js";

let served: Awaited<ReturnType<typeof shop>>;
beforeAll(async () => {
  served = await shop();
});
afterAll(() => served.close());

it("describes every endpoint with its schemas, and responses match them", async () => {
  const { openapi, paths } = (await served.app.inject("/openapi.json")).json();
  expect(openapi).toBe("3.1.0");
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(["/v1/score", "/v1/models/{name}:score", "/metrics"]));
  const { responses, requestBody } = paths["/v1/models/{name}:score"].post;
  const body = { candidates: [JSON.parse(event(1)), {}], options: { explain: true, top_k: 1 } };
  const response = await served.app.inject({ method: "POST", url: "/v1/models/shop:score", body });
  const fits = (schema: TSchema, value: unknown) => Compile(schema).Check(value);
  expect(fits(requestBody.content["application/json"].schema, body)).toBe(true);
  expect(fits(responses[200].content["application/json"].schema, response.json())).toBe(true);
  const card = paths["/v1/models/{name}"].get.responses[200].content["application/json"].schema;
  expect(fits(card, (await served.app.inject("/v1/models/shop")).json())).toBe(true);
});

it("says which endpoints need a token when the server has one", async () => {
  const open = (await served.app.inject("/openapi.json")).json();
  expect([open.security, open.components.securitySchemes]).toEqual([undefined, undefined]);
  const token = "0123456789abcdef";
  const app = createServer(served.scorer, { tokens: [token] });
  const headers = { authorization: `Bearer ${token}` };
  const { security, components, paths } = (await app.inject({ url: "/openapi.json", headers })).json();
  expect([security, components.securitySchemes]).toMatchObject([
    [{ bearer: [] }],
    { bearer: { type: "http", scheme: "bearer" } },
  ]);
  expect(paths["/healthz"].get.security).toEqual([]);
  for (const [path, methods] of Object.entries<Record<string, { security?: unknown[] }>>(paths)) {
    if (!methods.get || path.includes("{")) continue;
    const { statusCode } = await app.inject(path);
    expect([path, statusCode === 401]).toEqual([path, methods.get.security === undefined]);
  }
  await app.close();
});

it("the admin address describes its own endpoints, and responses match them", async () => {
  const token = "0123456789abcdef";
  const headers = { authorization: `Bearer ${token}` };
  const models = Models.of(served.scorer);
  const admin = createAdminServer(models, { tokens: [token], load: (path) => Scorer.load(path) });
  expect((await admin.inject("/openapi.json")).statusCode).toBe(401);
  const { paths, security } = (await admin.inject({ url: "/openapi.json", headers })).json();
  expect(security).toEqual([{ bearer: [] }]);
  const actions = ["load", "unload", "labels", "rollback", "watch"];
  expect(Object.keys(paths).sort()).toEqual(
    ["/docs", "/openapi.json", "/v1/models", ...actions.map((action) => `/v1/models/{name}:${action}`)].sort(),
  );
  const { schema } = paths["/v1/models"].get.responses[200].content["application/json"];
  expect(Compile(schema).Check((await admin.inject({ url: "/v1/models", headers })).json())).toBe(true);
  expect(paths["/v1/models/{name}:load"].post.requestBody).toMatchObject({ required: true });
  expect(paths["/v1/models/{name}:rollback"].post.requestBody).toMatchObject({ required: false });
  await admin.close();
});

it("is shown on a page without external resources", async () => {
  const { headers, body } = await served.app.inject("/docs");
  expect(headers["content-type"]).toBe("text/html; charset=utf-8");
  expect(body).toContain("/v1/models/{name}:score");
  expect(body).not.toMatch(/<script|https?:\/\//);
});

it("knows the methods of paths with parameters", async () => {
  const { statusCode, headers } = await served.app.inject({ method: "GET", url: "/v1/models/shop:score" });
  expect([statusCode, headers.allow]).toEqual([405, "POST"]);
});
