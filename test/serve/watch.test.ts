import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { Scorer } from "../../src/serve/scorer.js";
import { report, simulatedLines, temporary } from "../e2e/hashbrook.js";

const train = (out: string, rows: number) =>
  report(["train", "--model", "features/ads-demo.yaml", "--data", `simulate:${rows}:5`, "--out", out, "--resume"]);

it.each([0, 1])("a run's newer checkpoint is served as it comes, in place where threads score: %s", async (workers) => {
  const out = temporary();
  await train(out, 2000);
  const lines = await simulatedLines(40, 9, "json");
  const body = Buffer.from(`{"candidates": [${lines.join(",")}]}`);
  const scorer = await Scorer.load(out, { watch: true, workers });
  const before = await scorer.score(body);
  expect(before.model.version).toBe(2000);
  await train(out, 3000);
  let after = before;
  while (after.model.version === 2000) {
    await sleep(50);
    after = await scorer.score(body);
    if (after.model.version === 2000) expect(after.scores).toEqual(before.scores);
  }
  const fresh = await Scorer.load(out);
  expect(after).toEqual(await fresh.score(body));
  expect(scorer.version).toEqual(after.model);
  await fresh.close();
  await scorer.close();
});
