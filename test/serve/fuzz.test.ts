import type { InjectOptions } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import fc from "../properties.js";
import { event, shop } from "./served.js";

let served: Awaited<ReturnType<typeof shop>>;
beforeAll(async () => {
  served = await shop();
});
afterAll(() => served.close());

/** Number of requests; `HASHBROOK_FUZZ` sets another one. */
const RUNS = Number(process.env.HASHBROOK_FUZZ ?? 800);

type Schema = { readonly [keyword: string]: unknown };

/** Values that mostly match a schema: numbers, texts and lists stay small. */
function valid(schema: Schema): fc.Arbitrary<unknown> {
  if (Array.isArray(schema.anyOf)) return fc.oneof(...(schema.anyOf as Schema[]).map(valid));
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]));
  if ("const" in schema) return fc.constant(schema.const);
  const types = [schema.type].flat() as string[];
  return fc.oneof(...types.map((type) => ofType(type, schema)));
}

function ofType(type: string, schema: Schema): fc.Arbitrary<unknown> {
  const {
    minimum = -5,
    maximum = 12,
    items = {},
    minItems = 0,
  } = schema as Record<string, number> & { items?: Schema };
  switch (type) {
    case "object":
      return object(schema);
    case "array":
      return fc.array(valid(items as Schema), { minLength: minItems, maxLength: Math.max(4, minItems) });
    case "integer":
      return fc.integer({ min: minimum, max: Math.min(maximum, minimum + 20) });
    case "number":
      return fc.double({ min: minimum, max: maximum, noNaN: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return type === "string" ? fc.oneof(names, fc.string()) : fc.jsonValue();
  }
}

function object({ properties, required = [], additionalProperties }: Schema): fc.Arbitrary<unknown> {
  if (properties) {
    const parts = Object.entries(properties as Record<string, Schema>).map(([name, part]) => [name, valid(part)]);
    const record: Record<string, fc.Arbitrary<unknown>> = Object.fromEntries(parts);
    return fc.record(record, { requiredKeys: required as string[] });
  }
  const value = typeof additionalProperties === "object" ? valid(additionalProperties as Schema) : fc.jsonValue();
  return fc.oneof(members, fc.dictionary(fc.oneof(names, fc.string()), value, { maxKeys: 4 }));
}

/** Strings with a meaning here, and some invalid ones. */
const names = fc.constantFrom(
  ...["user", "item", "maker", "price", "tags", "picture", "user_x_maker", "item.id", "item.price", "user.id", "score"],
  ...[
    "shop",
    "items",
    "makers",
    "__proto__",
    "constructor",
    "toString",
    "",
    "\ud800",
    "\u0000",
    "BYTES",
    "INT64",
    "3000",
  ],
);
const members = fc.nat(60).map((i) => JSON.parse(event(i)) as unknown);

/** Corrupts a body as a faulty or malicious client might. */
const mutated = (text: string): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.nat(text.length),
      fc.nat(8),
      fc.constantFrom("", "}", "]", '"', ",", "{", "[", "\\", "1e999", "-", "null", "\u0000", "9".repeat(400)),
    )
    .map(([at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut));

const hostile = fc.constantFrom(
  ...["", " ", "null", "[]", "{}", '"x"', "NaN", "{".repeat(20_000), "[".repeat(100_000), '{"a":'.repeat(5000)],
  `{"candidates":[${'{"item":'.repeat(3000)}1${"}".repeat(3000)}]}`,
  '{"candidates":[{"__proto__":{"x":1}}],"__proto__":{"y":2}}',
  '{"candidates":[{"constructor":{"prototype":1}}]}',
  `{"candidates":[{"item":{"tags":[${Array(5000).fill("[[]]").join()}]}}]}`,
  `{"columns":{"item.id":[${Array(9000).fill("1e5")}]}}`,
  '{"inputs":[{"name":"item","shape":[2147483647,2147483647],"datatype":"BYTES","data":[]}]}',
  '{"inputs":[{"name":"tags","shape":[10000,2147483647],"datatype":"BYTES","data":[]}]}',
  '{"inputs":[{"name":"picture","shape":[0,3],"datatype":"FP32","data":[]}]}',
  '{"field":"item","vector":[1e308,1e308,1e308,1e308],"metric":"dot"}',
  "\ufeff{}",
  '{"candidates":[{}]}\u0000',
);

const types = fc.constantFrom(
  "application/json",
  "application/json; charset=utf-8",
  "application/octet-stream",
  "text/plain",
  "a/b/c",
  "",
);
const headerLength = fc.constantFrom("0", "1", "20", "-1", "1e3", "99999999999999999999", "abc");

/** A request to an endpoint: a body of its schema, intact or corrupted, or an unrelated one. */
function requestTo(url: string, method: string, schema?: Schema): fc.Arbitrary<InjectOptions> {
  const body = schema ? valid(schema).map((value) => JSON.stringify(value) ?? "") : fc.constant("");
  const payload = fc.oneof(
    body,
    body.chain(mutated),
    hostile,
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  );
  const path = fc.oneof(fc.constant("shop"), names).map((name) => encoded(url, name));
  const type = fc.oneof({ weight: 9, arbitrary: fc.constant("application/json") }, types);
  const length = fc.option(headerLength, { freq: 9, nil: undefined });
  return fc
    .record({ url: path, payload, type, length })
    .map(({ url: at, payload: sent, type: sentAs, length: jsonLength }) => ({
      url: at,
      method: method.toUpperCase() as "POST",
      headers: {
        "content-type": sentAs,
        ...(jsonLength !== undefined && { "inference-header-content-length": jsonLength }),
      },
      ...(method === "post" && { payload: sent }),
    }));
}

/** A path with a value for each of its parameters. */
const encoded = (url: string, name: string) =>
  url.replace(/\{(\w+)\}/g, (_, what) =>
    what === "name" ? encodeURI(Buffer.from(name).toString()) : encodeURIComponent(what === "table" ? "items" : "3000"),
  );

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

describe("any request", () => {
  it(`is answered, or refused in the documented form: ${RUNS} requests`, { timeout: 3_600_000 }, async () => {
    const { paths } = (await served.app.inject("/openapi.json")).json<{
      paths: Record<string, Record<string, Operation>>;
    }>();
    const requests = Object.entries(paths).flatMap(([url, methods]) =>
      Object.entries(methods).flatMap(([method, { requestBody }]) => {
        const one = requestTo(url, method, requestBody?.content["application/json"].schema);
        return Array(method === "post" ? 8 : 1).fill(one) as (typeof one)[];
      }),
    );
    const seen: Record<number, number> = {};
    await fc.assert(
      fc.asyncProperty(fc.oneof(...requests), async (request) => {
        const { statusCode, body, headers } = await served.app.inject(request);
        seen[statusCode] = (seen[statusCode] ?? 0) + 1;
        expect(statusCode, `${request.url}: ${body}`).toBeLessThan(500);
        if (statusCode < 400) return;
        expect(headers["content-type"]).toMatch(/^application\/json/);
        const { error, code, hint = "", ...more } = JSON.parse(body);
        expect([typeof error, typeof code, typeof hint, more]).toEqual(["string", "string", "string", {}]);
        expect([error, code].every((text) => text.length > 0)).toBe(true);
      }),
      { numRuns: RUNS },
    );
    console.log(`answered: ${JSON.stringify(seen)}`);
    expect(Object.keys(seen)).toEqual(expect.arrayContaining(["200", "400", "404"]));
    const well = await served.app.inject({ method: "POST", url: "/v1/score", body: { candidates: [{}] } });
    expect(well.statusCode).toBe(200);
  });

  it("is accepted by the scoring path exactly if the schema accepts it", async () => {
    const { paths } = (await served.app.inject("/openapi.json")).json();
    const { Compile } = await import("../../src/schema/compile.js");
    const schema = Compile(paths["/v1/score"].post.requestBody.content["application/json"].schema);
    const plain = fc.constantFrom<unknown>(null, 1, "x", [], {}, [{}], [{}, 1], [[]], { item: { price: 1 } });
    const some = fc.dictionary(fc.constantFrom("context", "candidates", "options", "columns", "more"), plain);
    const asked = fc.oneof(
      fc.record(
        { candidates: fc.array(members, { maxLength: 2 }), context: plain, options: plain },
        { requiredKeys: [] },
      ),
      some,
    );
    await fc.assert(
      fc.asyncProperty(asked, async (body) => {
        const response = await served.app.inject({ method: "POST", url: "/v1/score", body: body as object });
        const { error = "" } = response.json<{ error?: string }>();
        // A schema cannot express which values a member accepts, nor that columns have equal lengths.
        if (/: (bad_\w+|\w+_too_long|number_out_of_range)$|^columns\./.test(error)) return;
        expect([response.statusCode === 200, error]).toEqual([schema.Check(body), error]);
      }),
      { numRuns: 400 },
    );
  });
});
