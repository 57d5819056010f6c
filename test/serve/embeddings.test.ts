import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Scorer } from "../../src/serve/scorer.js";
import { createServer } from "../../src/serve/server.js";
import { report, temporary } from "../e2e/hashbrook.js";
import { BIG, shop } from "./served.js";

let served: Awaited<ReturnType<typeof shop>>;
beforeAll(async () => {
  served = await shop();
});
afterAll(() => served.close());

const get = async (path: string) => {
  const response = await served.app.inject(`/v1/models/shop/${path}`);
  return { status: response.statusCode, answer: response.json() };
};
const post = async (path: string, payload: object | string) => {
  const headers = { "content-type": "application/json" };
  const body = typeof payload === "string" ? payload : JSON.stringify(payload);
  const response = await served.app.inject({ method: "POST", url: `/v1/models/shop/${path}`, headers, body });
  return { status: response.statusCode, answer: response.json() };
};
const cosine = (a: number[], b: number[]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const items = Array.from({ length: 40 }, (_, i) => `i${i}`);

describe("embeddings of ids", () => {
  it("are returned for an id of any length that a path may have, also of over 100 letters", async () => {
    const id = `https://shop/${"ü/日本?".repeat(100)}`;
    const { answer } = await get(`embeddings/items/${encodeURIComponent(id)}`);
    const { answer: looked } = await post("embeddings:lookup", { field: "item", ids: [id] });
    expect(answer).toMatchObject(looked.vectors[0]);
  });

  it("a name of a megabyte is refused at once, without a search for what was meant", async () => {
    const field = "item".repeat(1 << 18);
    const { status, answer } = await post("embeddings:lookup", { field, ids: ["i1"] });
    expect([status, answer.hint]).toEqual([400, expect.stringContaining("known fields: ")]);
  });

  it("are the learned ones, with the key that `hashbrook key` prints", async () => {
    const { answer } = await post("embeddings:lookup", { field: "item", ids: ["i1", "never seen"] });
    expect(answer).toMatchObject({ model: "shop", version: 3000, field: "item", table: "items" });
    const [seen, unseen] = answer.vectors;
    expect(seen).toEqual({
      id: "i1",
      key: expect.stringMatching(/^[0-9a-f]{16}$/),
      learned: true,
      vector: expect.any(Array),
    });
    expect([unseen.learned, unseen.vector.length]).toEqual([false, 4]);
    expect((await report(["key", "--checkpoint", served.checkpoint, "--field", "item", "i1"])) as object).toEqual({
      keys: [{ table: "items", key: seen.key }],
    });
    expect((await get("embeddings/items/i1")).answer).toEqual({ ...answer, ...seen, vectors: undefined });
  });

  it("keep integers exact, and read numbers as their text", async () => {
    const { answer } = await post("embeddings:lookup", `{"field": "user", "ids": [${BIG}, "${BIG}", ${BIG - 1n}]}`);
    const [number, text, other] = answer.vectors;
    expect(number).toEqual(text);
    expect([number.learned, other.learned, number.id]).toEqual([true, false, String(BIG)]);
    expect((await get(`embeddings/users/${BIG}`)).answer.vector).toEqual(number.vector);
  });

  it("are available for crosses and bags too, and for ids with a slash", async () => {
    const { answer } = await post("embeddings:lookup", { field: "user_x_maker", ids: [[String(BIG), "m0"]] });
    expect(answer.vectors[0]).toMatchObject({ id: [String(BIG), "m0"], learned: true });
    expect((await get("embeddings/makers/t%2F1?field=tags")).answer).toMatchObject({ id: "t/1", table: "makers" });
  });

  it.each([
    [{ field: "itm", ids: ["a"] }, /field: unknown field itm/],
    [{ field: "price", ids: ["a"] }, /price is not looked up in a table/],
    [{ field: "item", table: "users", ids: ["a"] }, /table: unknown table users/],
    [{ field: "item", ids: [] }, /body\.ids: must NOT have fewer/],
    [{ field: "item", ids: [null] }, /body\.ids\[0\]/],
    [{ field: "item", ids: [1.5] }, /body\.ids\[0\]/],
    [{ field: "item", ids: [["a", "b"]] }, /item expects one text/],
    [{ field: "item", ids: ["ok", "half \ud83d"] }, /half of a surrogate pair/],
    [{ field: "user_x_maker", ids: ["a"] }, /expects a list of 2 texts/],
    [{ field: "item", id: 1, ids: [1] }, /additional properties: id/],
  ])("refuse %j", async (body, message) => {
    const { status, answer } = await post("embeddings:lookup", body);
    expect([status, answer.error]).toEqual([400, expect.stringMatching(message)]);
  });

  it("require the field if a table has ids of several fields", async () => {
    const { status, answer } = await get("embeddings/nothing/1");
    expect([status, answer.hint]).toEqual([400, expect.stringMatching(/users, items, makers/)]);
    expect((await get("embeddings/items/i1?fild=item")).answer.error).toMatch(/query: .*fild/);
  });
});

describe("neighbours", () => {
  it.each(["cosine", "dot"])("are the nearest of all rows by %s", async (metric) => {
    const { vectors } = (await post("embeddings:lookup", { field: "item", ids: items })).answer;
    const own = vectors[3].vector;
    const near = metric === "cosine" ? cosine : dot;
    const expected = vectors
      .filter((_: unknown, i: number) => i !== 3)
      .map(({ key, vector }: { key: string; vector: number[] }) => ({ key, score: near(own, vector) }))
      .sort((a: { score: number }, b: { score: number }) => b.score - a.score)
      .slice(0, 5);
    const { answer } = await post("neighbors", { field: "item", id: "i3", k: 5, metric });
    expect(answer).toMatchObject({ model: "shop", field: "item", table: "items", metric });
    expect(answer.neighbors.map(({ key }: { key: string }) => key)).toEqual(
      expected.map(({ key }: { key: string }) => key),
    );
    for (const [i, { score }] of answer.neighbors.entries()) expect(score).toBeCloseTo(expected[i].score, 5);
    const byVector = await post("neighbors", { field: "item", vector: own, k: 6, metric });
    expect(byVector.answer.neighbors.map(({ key }: { key: string }) => key)).toContain(vectors[3].key);
  });

  it("are limited to the given ids, for any encoding", async () => {
    const among = ["m0", "m1", "m2", "m3"];
    const { answer } = await post("neighbors", { field: "maker", id: "m0", among, k: 2 });
    expect(answer.neighbors).toHaveLength(2);
    for (const { id } of answer.neighbors) expect(["m1", "m2", "m3"]).toContain(id);
  });

  it.each([
    [{ field: "maker", id: "m0" }, /its encoding \(hash\) has no row per key/],
    [{ field: "item" }, /either id or vector/],
    [{ field: "item", id: "a", vector: [1, 2, 3, 4] }, /either id or vector/],
    [{ field: "item", vector: [1] }, /has 1 numbers, but those of the table have 4/],
    [{ field: "item", vector: [1e300, 1, 1, 1], metric: "dot" }, /its norm is too large/],
    [{ field: "item", id: "a", k: 0 }, /body\.k/],
    [{ field: "item", id: "a", metric: "l2" }, /body\.metric.*cosine,dot/],
  ])("refuse %j", async (body, message) => {
    const { status, answer } = await post("neighbors", body);
    expect([status, answer.error]).toEqual([400, expect.stringMatching(message)]);
  });
});

const rowwise = "optimizer: { rowwise_adagrad: { learning_rate: 0.05 } }";
/** A table's options, and whether its rows have keys. */
const encodings: [options: string, isSearched: boolean][] = [
  [`encoding: exact, precision: int8, ${rowwise}`, true],
  [`encoding: exact, shards: 3, ${rowwise}`, true],
  [`encoding: hash, rows: 3000, ${rowwise}`, false],
  ["encoding: dhe, dhe: { hashes: 16, width: 16 }", false],
  ["encoding: low_dim, low_dim: { dim: 2 }", false],
  ["encoding: hot_cold, budget: 200 kB", false],
];

describe("embeddings of every encoding", () => {
  it.each(encodings)("can be looked up, and searched if rows have keys: %s", async (options, isSearched) => {
    const folder = temporary();
    const [model, out] = [join(folder, "model.yaml"), join(folder, "run")];
    const spec = readFileSync("features/ads-demo.yaml", "utf8").replace(
      / {2}users: .*/,
      `  users: { dim: 8, ${options} }`,
    );
    writeFileSync(model, spec);
    await report(["train", "--model", model, "--data", "simulate:1000:5", "--out", out]);
    const scorer = await Scorer.load(out);
    const app = createServer(scorer, { maxEventLoopDelay: 0 });
    const ask = async (path: string, more: object) =>
      app.inject({ method: "POST", url: `/v1/models/ads-demo/${path}`, body: { field: "user", ...more } });
    const ids = Array.from({ length: 1000 }, (_, i) => `u${i}`);
    const { vectors } = (await ask("embeddings:lookup", { ids })).json();
    const scores = vectors.map(({ vector }: { vector: number[] }) => cosine(vectors[7].vector, vector));
    scores[7] = -1;
    const best = Math.max(...scores.filter((_: number, i: number) => !isSearched || vectors[i].learned));
    const named = (await ask("neighbors", { id: "u7", among: ids, k: 1 })).json();
    expect(named.neighbors[0].score).toBeCloseTo(Math.max(...scores), 5);
    const searched = await ask("neighbors", { id: "u7", k: 1 });
    if (isSearched) expect(searched.json().neighbors[0].score).toBeGreaterThanOrEqual(best - 1e-5);
    expect(searched.statusCode).toBe(isSearched ? 200 : 400);
    await app.close();
    const question = { kind: "lookup", field: "user", ids: ["u7", "u8"] } as const;
    const { found } = await scorer.ask(question);
    await scorer.close();
    const threads = await Scorer.load(out, { workers: 1 });
    expect((await threads.ask(question)).found).toEqual(found);
    await threads.close();
  });
});
