import { afterAll, beforeAll, expect, it } from "vitest";
import { Compile } from "../../../src/schema/compile.js";
import type { TSchema } from "../../../src/schema/typebox.js";
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
