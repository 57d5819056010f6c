import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BIG, event, shop } from "./served.js";

let served: Awaited<ReturnType<typeof shop>>;
beforeAll(async () => {
  served = await shop();
});
afterAll(() => served.close());

interface Answer {
  readonly scores: number[];
  readonly top_k?: { index: number; score: number }[];
  readonly explain?: { index: number; logit: number; shares: Record<string, number> }[];
  readonly [member: string]: unknown;
}

async function ask(body: string, url = "/v1/models/shop:score") {
  const headers = { "content-type": "application/json" };
  const response = await served.app.inject({ method: "POST", url, headers, body });
  return { status: response.statusCode, answer: response.json<Answer>() };
}
const bodyOf = (events: readonly string[], options = "") =>
  `{"candidates": [${events.join()}]${options && `, "options": ${options}`}}`;
const logit = (p: number) => Math.log(p / (1 - p));

describe("POST /v1/models/{name}:score", () => {
  const events = Array.from({ length: 20 }, (_, i) => event(i));

  it("answers like /v1/score", async () => {
    const [named, only] = [await ask(bodyOf(events)), await ask(bodyOf(events), "/v1/score")];
    expect(named).toEqual(only);
    expect(named.answer).toMatchObject({ model: "shop", version: 3000, spec_hash: expect.any(String) });
    expect(named.answer.scores).toHaveLength(20);
  });

  it("attributes a list in place of a candidate's object to the candidate, not to the context", async () => {
    const { status, answer } = await ask('{"context": {"user": {"id": 1}}, "candidates": [{}, {"item": [1]}]}');
    expect([status, answer.error]).toEqual([400, expect.stringMatching(/^candidates\[1\]\.item\./)]);
  });

  it("names the served models if the name is unknown", async () => {
    const { status, answer } = await ask(bodyOf(events), "/v1/models/shoop:score");
    expect([status, answer.code]).toEqual([404, "model_unknown"]);
  });

  it("ranks the best first, ties in the order of the request", async () => {
    const doubled = [...events, ...events];
    const { answer } = await ask(bodyOf(doubled, '{"top_k": 7}'));
    const ranked = answer.scores
      .map((score, index) => ({ index, score }))
      .sort((a, b) => b.score - a.score || a.index - b.index);
    expect(answer.top_k).toEqual(ranked.slice(0, 7));
    expect((await ask(bodyOf(events, '{"top_k": 9999}'))).answer.top_k).toHaveLength(20);
  });

  it("returns each field's share: how much lower the logit is without the member", async () => {
    const { answer } = await ask(bodyOf(events.slice(0, 3), '{"explain": true}'));
    const without = events.slice(0, 3).map((text) => text.replace(/"maker": "m\d", /, ""));
    const bare = (await ask(bodyOf(without))).answer.scores;
    expect(answer.explain!.map(({ index }) => index)).toEqual([0, 1, 2]);
    for (const [i, { logit: explainedLogit, shares }] of answer.explain!.entries()) {
      expect(Object.keys(shares)).toEqual(["user", "item", "maker", "price", "tags", "picture"]);
      expect(explainedLogit).toBeCloseTo(logit(answer.scores[i]), 5);
      expect(shares.maker).toBeCloseTo(logit(answer.scores[i]) - logit(bare[i]), 5);
      expect(Math.abs(shares.user) + Math.abs(shares.item)).toBeGreaterThan(0);
    }
  });

  it("removes a member in all its forms: in the context, nested, or by its dotted name", async () => {
    const context = `{"user": {"id": ${BIG + 7n}}, "item.maker": "m1"}`;
    const ask3 = (candidates: string, options = "") =>
      ask(`{"context": ${context}, "candidates": [${candidates}]${options}}`).then(({ answer }) => answer);
    const explained = await ask3('{ }, {"item": {"id": "i1", "maker": "m2"}}', ', "options": {"explain": true}');
    const bare = await ask3('{"item.maker": null}, {"item": {"id": "i1"}, "item.maker": null}');
    for (const [i, { shares }] of explained.explain!.entries())
      expect(shares.maker).toBeCloseTo(logit(explained.scores[i]) - logit(bare.scores[i]), 5);
    expect(explained.explain![0].shares.item).toBe(0);
  });

  it("explains only the best if it ranks", async () => {
    const { answer } = await ask(bodyOf(events, '{"explain": true, "top_k": 2}'));
    expect(answer.explain!.map(({ index }) => index)).toEqual(answer.top_k!.map(({ index }) => index));
  });

  it("keeps 64-bit ids exact, as numbers or strings", async () => {
    const scores = async (id: string) =>
      (await ask(`{"candidates": [{"user": {"id": ${id}}, "item": {"id": "i3", "maker": "m3"}}]}`)).answer.scores[0];
    expect(await scores(`${BIG}`)).toBe(await scores(`"${BIG}"`));
    expect(await scores(`${BIG}`)).not.toBe(await scores(`${BIG - 1n}`));
  });

  it.each([
    ['{"candidates": [{}], "options": {"topk": 3}}', 400, /options: must NOT have additional properties: topk/],
    ['{"candidates": [{}], "options": {"top_k": "3"}}', 400, /options\.top_k: must be integer/],
    ['{"candidates": [{}], "options": {"top_k": 0}}', 400, /options\.top_k: must be >= 1/],
    ['{"candidates": [{}], "options": {"explain": 1}}', 400, /options\.explain: must be boolean/],
    ['{"candidates": [{}], "options": []}', 400, /options: must be an object/],
    [`{"candidates": [${Array(10_001).fill("{}").join()}]}`, 422, /10001 exceed the limit of 10000/],
    [
      `{"candidates": [${Array(2000).fill("{}").join()}], "options": {"explain": true}}`,
      422,
      /candidates × fields: 12000 exceed the limit of 10000/,
    ],
  ])("refuses %.60s", async (body, status, message) => {
    const got = await ask(body);
    expect([got.status, got.answer.error]).toEqual([status, expect.stringMatching(message)]);
  });
});

describe("GET /v1/models", () => {
  it("returns the models, and for a model how missing fields are treated", async () => {
    const { models } = (await served.app.inject("/v1/models")).json();
    expect(models).toEqual([{ name: "shop", model: "shop", version: 3000, spec_hash: expect.any(String) }]);
    const card = (await served.app.inject("/v1/models/shop")).json();
    expect(card.fields).toContainEqual({
      name: "tags",
      type: "bag",
      from: "item.tags",
      missing: "is an empty list: zeros",
    });
    expect(card.tables).toContainEqual({
      name: "users",
      encoding: "exact",
      dim: 4,
      role: "embedding",
      fields: ["user"],
    });
    expect((await served.app.inject("/v1/models/none")).json().code).toBe("model_unknown");
  });
});
