// A trainer in this process, of pseudo-random events, and its predictions: for tests of scorers.
import { batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { Decoder } from "../../src/decode/decoder.js";
import { sigmoid } from "../../src/metrics/kernel.js";
import { createModel } from "../../src/model/create.js";
import { specHash } from "../../src/spec/hash.js";
import { parseSpec } from "../../src/spec/parse.js";
import { decodeRequest } from "../decode/feed.js";

const ROWS = 64;
const encoder = new TextEncoder();

/** An event or candidate of `servedSpec`'s fields. */
export const candidate = (rng: Rng) => ({
  a: `a${rng.below(30)}`,
  b: `b${rng.below(30)}`,
  tags: Array.from({ length: rng.below(4) }, () => `t${rng.below(9)}`),
  x: rng.below(1000) / 10,
  v: [rng.uniform(), rng.uniform(), rng.uniform()],
});

/** A request's body. */
export const bodyOf = (candidates: readonly object[], context: object = {}) =>
  encoder.encode(JSON.stringify({ context, candidates }));

/** A model of a spec (YAML) that learns `ROWS` events a step. */
export async function trainerOf(yaml: string) {
  const spec = parseSpec(yaml, "test.yaml");
  const layout = batchLayout(spec, ROWS);
  const model = await createModel(spec, { layout, threads: 1, purpose: "train" });
  const decoder = new Decoder(spec, { capacity: ROWS, format: "json", requireLabel: false });
  const rng = new Rng(3);
  const decode = (objects: readonly object[]) => {
    const texts = objects.map((each) => encoder.encode(JSON.stringify(each)));
    const decoded = decodeRequest(decoder, encoder.encode("{}"), texts);
    if ("failure" in decoded) throw new Error(JSON.stringify(decoded.failure));
    return decoded.batch;
  };
  let examples = 0;
  const changes = model.serving.changes();
  return {
    spec,
    hash: specHash(spec),
    model,
    get examples() {
      return examples;
    },
    changes,
    /** The changes since the last call, as a delta. */
    delta: () => [...model.serving.pack(changes.take()).states()],
    async learn(): Promise<void> {
      const batch = decode(Array.from({ length: ROWS }, () => candidate(rng)));
      for (let r = 0; r < batch.rows; r++) batch.labels[r] = rng.below(2);
      const { logits } = await model.learn(batch);
      model.calibrator?.learn(logits, model.calibrator.apply(logits, batch), batch);
      examples += batch.rows;
    },
    /** Its current predictions, as `predict` computes them. */
    async answers(objects: readonly object[]): Promise<number[]> {
      const scores: number[] = [];
      for (let from = 0; from < objects.length; from += ROWS)
        scores.push(...sigmoid(await model.predict(decode(objects.slice(from, from + ROWS)))));
      return scores;
    },
  };
}
