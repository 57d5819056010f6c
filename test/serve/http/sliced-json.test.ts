import { expect, it } from "vitest";
import { hasLongList, slicedJson } from "../../../src/serve/http/sliced-json.js";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i) ** 21));

it.each([1_001, 2_000, 10_000])("a response of %i numbers has the text of JSON.stringify", async (count) => {
  const list = numbers(count);
  const answer = {
    scores: list,
    calibrated: [...list, 0, -0, 1e-7, 1e21],
    model: 'a"b',
    none: undefined,
    top_k: [{ index: 0 }],
  };
  expect(hasLongList(answer)).toBe(true);
  expect(await slicedJson(answer)).toBe(JSON.stringify(answer));
});

it("yields to other work during a long response, so that a small request does not wait", async () => {
  let done = false;
  let turns = 0;
  const text = slicedJson({ scores: numbers(5_000) }).then(() => {
    done = true;
  });
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  await text;
  expect(turns).toBeGreaterThanOrEqual(5);
});

it("short responses are not sliced", () => {
  expect(hasLongList({ scores: numbers(1_000), model: "m" })).toBe(false);
});
