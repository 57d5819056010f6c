import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { byHighest, normal } from "../../src/serve/explore/draws.js";
import { Explorer, logitOf } from "../../src/serve/explore/policy.js";
import { firstShares, MOST_CANDIDATES } from "../../src/serve/explore/thompson.js";
import { Scorer } from "../../src/serve/scorer.js";
import { createServer } from "../../src/serve/server.js";
import { shop, twoVersions } from "./served.js";

/** Upper 0.1 % quantiles of chi-square, by degrees of freedom. */
const CHI_SQUARE = [0, 10.83, 13.82, 16.27, 18.47, 20.52];
const DRAWS = 20_000;

/** The chi-square statistic of counts and their expectations. */
function chiSquare(counts: readonly number[], expected: ArrayLike<number>): number {
  return counts.reduce((sum, count, i) => sum + (count - expected[i]) ** 2 / expected[i], 0);
}

/** How often each candidate was first, and second after candidate 0. */
function frequencies(explorer: Explorer, scores: Float32Array, deviations?: Float32Array) {
  const first = new Array<number>(scores.length).fill(0);
  const second = new Array<number>(scores.length).fill(0);
  for (let i = 0; i < DRAWS; i++) {
    const { rank } = explorer.draw(`request-${i}`, { scores, deviations });
    first[rank.indexOf(1)]++;
    if (rank[0] === 1) second[rank.indexOf(2)]++;
  }
  return { first, second };
}

/** How often each candidate but the first has the second highest of normal draws, given that the first has the highest. */
function secondOfNormals(spread: Float32Array): Float64Array {
  const rng = new Rng(11);
  const counts = new Float64Array(scores.length - 1);
  for (let i = 0; i < 20 * DRAWS; i++) {
    const draws = Float64Array.from(scores, (score, c) => logitOf(score) + spread[c] * normal(rng));
    const [best, next] = byHighest(draws);
    if (best === 0) counts[next - 1]++;
  }
  const sum = counts.reduce((total, count) => total + count);
  return counts.map((count) => count / sum);
}

const scores = Float32Array.of(0.3, 0.1, 0.25, 0.3, 0.02);
const deviations = Float32Array.of(0.1, 0.5, 0.3, 0.05, 2);

describe.each([
  ["epsilon-greedy:0.4", undefined],
  ["softmax:0.7", undefined],
  ["thompson", deviations],
] as const)("%s", (text, spread) => {
  const explorer = Explorer.of(text);
  const { propensity } = explorer.draw("any", { scores, deviations: spread });
  const { first, second } = frequencies(explorer, scores, spread);

  it("ranks candidates first as often as their propensities say", () => {
    expect(propensity.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 9);
    const expected = propensity.map((share) => share * DRAWS);
    expect(chiSquare(first, expected)).toBeLessThan(CHI_SQUARE[4]);
  });

  it("draws later ranks as if the earlier candidates were absent", () => {
    const left = spread
      ? secondOfNormals(spread)
      : explorer.draw("any", { scores: scores.subarray(1), deviations: undefined }).propensity;
    const expected = left.map((share) => share * first[0]);
    expect(chiSquare(second.slice(1), expected)).toBeLessThan(CHI_SQUARE[3]);
  });

  it("gives every candidate a distinct rank, and the same for the same request", () => {
    const draw = (id: string) => explorer.draw(id, { scores, deviations: spread });
    expect([...draw("a").rank].sort()).toEqual([1, 2, 3, 4, 5]);
    expect(draw("a")).toEqual(draw("a"));
    const orders = new Set(Array.from({ length: 50 }, (_, i) => draw(`r${i}`).rank.join()));
    expect(orders.size).toBeGreaterThan(5);
  });
});

it("epsilon 0 ranks by score, ties in the order of the request; epsilon 1 draws any order", () => {
  expect([...Explorer.of("epsilon-greedy:0").draw("x", { scores }).rank]).toEqual([1, 4, 3, 2, 5]);
  expect([...Explorer.of("epsilon-greedy:0").draw("x", { scores }).propensity]).toEqual([1, 0, 0, 0, 0]);
  expect([...Explorer.of("epsilon-greedy:1").draw("x", { scores }).propensity]).toEqual(new Array(5).fill(0.2));
});

it("scores of 0 and 1 can have any rank", () => {
  const ends = Float32Array.of(0, 1, 0.5, 1e-40);
  for (const text of ["epsilon-greedy:0.1", "softmax:0.01", "softmax:1000", "thompson"]) {
    const { rank, propensity } = Explorer.of(text).draw("x", { scores: ends, deviations: Float32Array.of(0, 0, 1, 2) });
    expect([...rank].sort()).toEqual([1, 2, 3, 4]);
    expect(propensity.every((share) => share >= 0 && share <= 1)).toBe(true);
  }
  expect([logitOf(0), logitOf(1), logitOf(0.5)]).toEqual([-100, 100, 0]);
});

describe("the probability that a normal draw is the highest", () => {
  const shares = (means: number[], widths: number[]) =>
    firstShares(Float64Array.from(means), Float32Array.from(widths));

  it("is that of the difference, for two", () => {
    // P(N(0.3, 0.4^2) > N(0, 0.3^2)) = Phi(0.3 / 0.5) = Phi(0.6)
    expect(shares([0.3, 0], [0.4, 0.3])[0]).toBeCloseTo(0.7257468822499265, 6);
  });

  it("is equal for equal candidates, and 1 without uncertainty", () => {
    for (const share of shares(new Array(7).fill(-3), new Array(7).fill(0.2))) expect(share).toBeCloseTo(1 / 7, 6);
    expect([...shares([1, 2, 2], [0, 0, 0])]).toEqual([0, 1, 0]);
    // P(N(0, 1) > 1)
    expect(shares([0, 1], [1, 0])[0]).toBeCloseTo(0.15865525393145707, 6);
    expect(shares([0, 1], [1, 1e-12])[0]).toBeCloseTo(0.15865525393145707, 6);
  });

  it("matches its frequency among many, for wide and narrow logits", () => {
    const rng = new Rng(3);
    const means = Float64Array.from({ length: 40 }, () => normal(rng));
    const widths = Float32Array.from({ length: 40 }, (_, i) => 10 ** ((i % 5) - 3));
    const counts = new Float64Array(40);
    for (let i = 0; i < DRAWS; i++) counts[byHighest(means.map((mean, c) => mean + widths[c] * normal(rng)))[0]]++;
    const found = [...firstShares(means, widths)];
    expect(found.reduce((sum, share) => sum + share)).toBeCloseTo(1, 12);
    const often = found.flatMap((share, c) => (share * DRAWS > 20 ? [c] : []));
    expect(often.length).toBeGreaterThan(7);
    for (const c of often)
      expect(Math.abs(counts[c] / DRAWS / found[c] - 1)).toBeLessThan(4 / Math.sqrt(found[c] * DRAWS));
  });

  it("a request with too many candidates to compute it within milliseconds is refused", () => {
    const thompson = Explorer.of("thompson");
    const draw = (count: number) =>
      thompson.draw("x", { scores: new Float32Array(count).fill(0.5), deviations: new Float32Array(count).fill(1) });
    expect(draw(MOST_CANDIDATES).propensity[7]).toBeCloseTo(1 / MOST_CANDIDATES, 9);
    expect(() => draw(MOST_CANDIDATES + 1)).toThrow("1001 exceed the limit of 1000");
  });
});

describe("a server that explores", () => {
  let served: Awaited<ReturnType<typeof shop>>;
  let ads: Awaited<ReturnType<typeof twoVersions>>;
  beforeAll(async () => {
    [served, ads] = [await shop(), await twoVersions()];
  });
  afterAll(() => served.close());
  const items = [..."0123456789"].map((id) => ({ item: { id: `i${id}` } }));
  const ask = (app: ReturnType<typeof createServer>, id: string, options?: object) =>
    app
      .inject({
        method: "POST",
        url: "/v1/score",
        headers: { "content-type": "application/json", "x-request-id": id },
        payload: { context: { user: { id: 1 } }, candidates: items, ...(options && { options }) },
      })
      .then((answer) => answer.json());

  it("returns the same scores, with an order determined by the request's id, which top_k follows", async () => {
    const app = createServer(served.scorer, { explorer: Explorer.of("softmax:1"), maxEventLoopDelay: 0 });
    const [plain, drawn, again] = [await ask(served.app, "a"), await ask(app, "a"), await ask(app, "a", { top_k: 3 })];
    expect(drawn).toMatchObject(plain);
    expect(again).toMatchObject(drawn);
    expect(drawn.propensity).toHaveLength(10);
    expect(again.top_k.map(({ index }: { index: number }) => drawn.rank[index])).toEqual([1, 2, 3]);
    expect((await ask(app, "b")).rank).not.toEqual(drawn.rank);
    const response = await ask(app, "a", { top_k: 2, explain: true });
    expect(response.explain.map(({ index }: { index: number }) => drawn.rank[index])).toEqual([1, 2]);
    expect(plain).not.toHaveProperty("rank");
  });

  it("uses the uncertainty of FTRL: an unseen candidate has the widest draws; a model without n is refused", async () => {
    const { newer, body } = ads;
    const scorer = await Scorer.load(newer, { prior: 1 });
    const app = createServer(scorer, { explorer: Explorer.of("thompson"), maxEventLoopDelay: 0 });
    const payload = { ...JSON.parse(body), candidates: [{ ad: "a1" }, { ad: "never-shown" }] };
    const { deviations } = await scorer.scored(Buffer.from(JSON.stringify(payload)));
    // The ad itself, and its cross: two rows of this ad alone.
    expect(deviations![1]).toBeCloseTo(Math.SQRT2, 6);
    expect(deviations![0]).toBeLessThan(deviations![1]);
    const answer = (
      await app.inject({ method: "POST", url: "/v1/score", headers: { "content-type": "application/json" }, payload })
    ).json();
    expect(answer.propensity[0] + answer.propensity[1]).toBeCloseTo(1, 9);
    await scorer.close();
    await expect(Scorer.load(served.checkpoint, { prior: 1 })).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("has no uncertainty estimates of its weights"),
    });
  });

  it("draws of a long request have the same deviations, however it is split and whatever is scored beside it", async () => {
    const scorer = await Scorer.load(ads.newer, { prior: 1 });
    const ask = async (ads: readonly string[]) => {
      const body = JSON.stringify({ context: { user: "u1" }, candidates: ads.map((ad) => ({ ad })) });
      return [...(await scorer.scored(Buffer.from(body))).deviations!];
    };
    const [known, other] = await ask(["a1", "never-shown"]);
    const long = [...new Array<string>(900).fill("a1"), "never-shown"];
    const expected = [...new Array<number>(900).fill(known), other];
    expect(await ask(long)).toEqual(expected);
    const together = await Promise.all([ask(long), ask(["a1"]), ask(long), ask(["a1", "a2"])]);
    expect([together[0], together[2], together[1]]).toEqual([expected, expected, [0]]);
    await scorer.close();
  });
});

it("a temperature so small that logits become infinite gives propensities, and no NaN in the log", () => {
  const { propensity, rank } = Explorer.of("softmax:1e-308").draw("any", {
    scores: Float32Array.of(0.9999, 0.1, 0.9999),
  });
  expect([...propensity]).toEqual([0.5, 0, 0.5]);
  expect([...rank].sort()).toEqual([1, 2, 3]);
});
