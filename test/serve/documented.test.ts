import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shop } from "./served.js";

let served: Awaited<ReturnType<typeof shop>>;
beforeAll(async () => {
  served = await shop();
});
afterAll(() => served.close());

/** Curl commands of docs/SERVING.md, each with the response below it. */
const examples = [
  ...readFileSync("docs/SERVING.md", "utf8").matchAll(/^```sh\ncurl ([\s\S]*?)```\n+```json\n([\s\S]*?)```/gm),
].map(([, command, answer]) => ({ command, answer: JSON.parse(answer) as unknown }));

/** A value with every computed number replaced. */
const shapeOf = (value: unknown): unknown => {
  if (typeof value === "number") return "a number";
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]));
};

describe("docs/SERVING.md", () => {
  it("has examples", () => expect(examples.length).toBeGreaterThan(2));

  it.each(examples)("is answered as documented: $command", async ({ command, answer }) => {
    const [, url] = /localhost:8080(\/[^\s']*)/.exec(command)!;
    const body = /-d '([\s\S]*?)'/.exec(command)?.[1];
    const headers = { "content-type": "application/json" };
    const response = await served.app.inject(body === undefined ? url : { method: "POST", url, headers, body });
    expect(shapeOf(response.json())).toEqual(shapeOf(answer));
  });
});
