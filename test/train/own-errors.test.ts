import { join } from "node:path";
import { expect, it } from "vitest";
import { Scorer } from "../../src/serve/scorer.js";
import { evaluate } from "../../src/train/evaluation/evaluate.js";
import { train } from "../../src/train/train.js";
import { temporary } from "../e2e/hashbrook.js";

it("an error that onProgress throws ends a run in order and is thrown by it: it ended the process", async () => {
  const out = join(temporary(), "run");
  const onProgress = () => {
    throw new Error("the caller's own");
  };
  const data = "simulate:2000000:7";
  await expect(train({ model: "features/ads-demo-lr.yaml", data, out, onProgress, threads: 1 })).rejects.toThrow(
    "the caller's own",
  );
  await expect(evaluate({ checkpoint: out, data, onProgress, threads: 1 })).rejects.toThrow("the caller's own");
});

it("a scorer that is closed twice at once, with a request in progress, ends once: Session already disposed", async () => {
  const out = join(temporary(), "run");
  await train({ model: "features/ads-demo.yaml", data: "simulate:2000:7", out, threads: 1 });
  const scorer = await Scorer.load(out, { workers: 0 });
  const body = Buffer.from('{"candidates": [{"ad": "a1"}]}');
  await expect(scorer.score(body, null as never)).rejects.toMatchObject({ code: "usage" });
  const [scored] = await Promise.all([scorer.score(body), scorer.close(), scorer.close()]);
  expect(scored.scores).toHaveLength(1);
  await scorer.close();
});
