import onnxProto from "onnx-proto";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import { beforeAll, describe, expect, it } from "vitest";
import { type Batch, batchLayout } from "../../src/core/batch.js";
import { Decoder } from "../../src/decode/decoder.js";
import type { InputFacts } from "../../src/exports/whole/cells.js";
import { type WholeModel, wholeOnnx } from "../../src/exports/whole/whole.js";
import { fieldKinds } from "../../src/fields/index.js";
import { sigmoid } from "../../src/metrics/kernel.js";
import { createModel } from "../../src/model/create.js";
import { onnxruntime } from "../../src/runtimes/onnxruntime.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";
import { errorOf } from "../checkpoints/samples.js";

const ROWS = 64;

const FIELDS = `
name: portable
events: { format: json }
label: { field: y }
fields:
  - { name: user, type: categorical, table: users }
  - { name: ad, type: categorical, table: ads }
  - { name: age, type: numeric, from: price, transform: { buckets: [1, 5] }, table: ads }
  - { name: both, type: cross, of: [ad, age], table: ads }
  - { name: tags, type: bag, combiner: sqrtn, max_length: 3, table: tags }
  - { name: seen, type: bag, from: tags, combiner: mean, max_length: 2, table: ads }
  - { name: price, type: numeric, missing: 3 }
  - { name: scaled, type: numeric, from: price, transform: standardize }
  - { name: embedding, type: vector, length: 2 }
train: { batch: 32, seed: 3 }
`;
const TABLES = `${FIELDS}
tables:
  users: { encoding: hash, rows: 50, dim: 4, init: 0.1 }
  ads: { dim: 4, init: 0.1, salt: field }
  tags: { dim: 3, init: 0.1 }
`;
const ONE = (kind: string, options: string) => `
${FIELDS.replace(/ {2}- \{ name: embedding.*\n/, "")
  .replace(/table: \w+/g, "table: all")
  .replace(/type: numeric(?!, from: price, transform: \{)/g, "$&, table: all")}
tables: { all: { ${options} } }
tower: { ${kind}: {} }
`;
const LATE = "join: { clicks: { format: json, id: id, time: t }, correct: { method: fnc, ages: [1h] } }";
const specs: Readonly<Record<string, string>> = {
  "every kind of field, a wide part": `${TABLES}
tower: { deep_crossing: { residual: [8] } }
wide: { fields: [ad, both, price], bits: 8 }`,
  "a bag that is pooled in the graph": `${TABLES.replace("tags: { dim: 3", "tags: { dim: 4")}
attention: { query: ad, over: tags, hidden: [8] }
tower: { deep_crossing: { residual: [8] } }`,
  "shards, admission and FTRL rows": `${FIELDS}
tables:
  users: { dim: 4, init: 0.1, admission: { occurrence_threshold: 3 } }
  ads: { dim: 4, init: 0.1, shards: 3 }
  tags: { dim: 3, init: 0.1, optimizer: { ftrl: { alpha: 0.1, l1: 0.01 } } }
tower: { dcn_v2: {} }`,
  "a calibrator of all events": `${TABLES}
tower: { deep_crossing: { residual: [8] } }
calibration: { method: isotonic }`,
  "a calibrator by slices": `${TABLES}
tower: { deep_crossing: { residual: [8] } }
calibration: { method: isotonic, by: ad, slices: 20 }`,
  "lr, a calibrator of lines": `${ONE("lr", "init: 0.1")}
calibration: { method: platt, by: ad, slices: 5 }`,
  lr: ONE("lr", "encoding: hash, rows: 4096"),
  "lr, exact rows": ONE("lr", "init: 0.1"),
  "lr, negatives sampled": ONE("lr", "init: 0.1").replace("train: {", "train: { negative_sampling: 0.1,"),
  fm: ONE("fm", "dim: 5, init: 0.2"),
  ffm: ONE("ffm", "dim: 4, init: 0.2"),
  "late labels, fnc": `${TABLES}
tower: { deep_crossing: { residual: [8] } }
wide: { fields: [ad, both, price], bits: 8 }
${LATE}`,
  "lr, late labels, fnc": `${ONE("lr", "encoding: hash, rows: 4096")}\n${LATE}`,
  "fm with a wide part": `${ONE("fm", "dim: 5, init: 0.2")}\nwide: { fields: [ad, both, price], bits: 8 }`,
};

function events(rows: number, offset: number): string[] {
  return Array.from({ length: rows }, (_, i) => {
    const n = (i * 7919 + offset) % 1009;
    const tags = [null, [], ["a"], ["a", "b"], [["c", 0.5], "", "b"], ["d", "e", "f", "g"], { ü: 2, a: -1 }][n % 7];
    const price = n % 5 === 0 ? null : (n % 90) / 10;
    return JSON.stringify({
      y: +(n % 3 === 0),
      user: `u${n % 200}`,
      ad: n % 37,
      price,
      tags,
      embedding: [n / 1009, -1],
      id: i,
      t: i,
    });
  });
}

/** A decoded batch as the inputs of a whole model. */
function feedsOf({ spec, layout }: WholeModel, batch: Batch, facts: readonly InputFacts[]): Record<string, Tensor> {
  const { Tensor } = onnxruntime();
  const { rows } = batch;
  const feeds: Record<string, Tensor> = {};
  const f32 = (name: string, data: Float32Array, width: number) => {
    feeds[name] = new Tensor("float32", data.slice(0, rows * width), [rows, width]);
  };
  spec.tables.forEach(({ name }, t) => {
    const { singles } = layout.keys[t];
    if (singles > 0) feeds[`keys_${name}`] = new Tensor("int64", BigInt64Array.from(batch.keys(t)), [rows, singles]);
  });
  layout.bags.forEach(({ table, cell }, i) => {
    const { offsets, keys, weights } = batch.bag(i);
    const { field, items } = spec.tables[table].cells[cell];
    const width = items ?? Math.max(1, ...Array.from({ length: rows }, (_, r) => offsets[r + 1] - offsets[r]));
    const [k, w] = [new BigInt64Array(rows * width), new Float32Array(rows * width)];
    for (let r = 0; r < rows; r++)
      for (let at = offsets[r]; at < offsets[r + 1]; at++) {
        k[r * width + at - offsets[r]] = BigInt.asIntN(64, keys[at]);
        w[r * width + at - offsets[r]] = weights[at];
      }
    feeds[`keys_${spec.tables[table].name}_${field}`] = new Tensor("int64", k, [rows, width]);
    f32(`weights_${field}`, w, width);
    const lengths = Float32Array.from({ length: rows }, (_, r) => offsets[r + 1] - offsets[r]);
    if (items !== undefined) f32(`length_${field}`, lengths, 1);
  });
  if (spec.numbers.length > 0) f32("numbers", batch.numbers, spec.numbers.length);
  if (layout.vectorWidth > 0) f32("vectors", batch.vectors, layout.vectorWidth);
  expect(Object.keys(feeds).sort()).toEqual(facts.map(({ name }) => name).sort());
  return feeds;
}

function metadataOf(bytes: Uint8Array): Record<string, string> {
  const { metadataProps } = onnxProto.onnx.ModelProto.decode(bytes);
  return Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]));
}

/** A batch of events. */
function decoded(spec: CompiledSpec, lines: readonly string[], requireLabel: boolean): Batch {
  const decoder = new Decoder(spec, { capacity: lines.length, format: "json", requireLabel });
  for (const line of lines.map((text) => new TextEncoder().encode(text))) decoder.message(line, 0, line.length, 0);
  return decoder.take().batch;
}

/** A model that has learned some events. */
async function trained(text: string): Promise<WholeModel> {
  const spec = parseSpec(
    text.includes("join:") ? text.replace("{ field: y }", "{ field: y, id: id, time: t }") : text,
    "model.yaml",
  );
  const layout = batchLayout(spec, ROWS);
  const learner = await createModel(spec, { layout, threads: 1, purpose: "train" });
  for (let from = 0; from < 256; from += ROWS) {
    const batch = decoded(spec, events(ROWS, 31 * from), true);
    const { logits } = await learner.learn(batch);
    const { calibrator } = learner;
    calibrator?.learn(logits, calibrator.apply(logits, batch), batch);
  }
  const model = await createModel(spec, { layout, threads: 1, purpose: "score" });
  model.restore(new Map(learner.blocks().map((block) => [block.name, block])));
  await learner.close();
  return { spec, layout, model };
}

it("is tested with every type of field", () => {
  const { fields } = parseSpec(specs["every kind of field, a wide part"], "model.yaml");
  expect(new Set(fields.map(({ type }) => type))).toEqual(new Set(Object.keys(fieldKinds)));
});

describe.each(Object.entries(specs))("%s, in one ONNX file", (_, spec) => {
  let loaded: WholeModel;
  let session: InferenceSession;
  let facts: InputFacts[];
  beforeAll(async () => {
    loaded = await trained(spec);
    const bytes = wholeOnnx(loaded, {});
    facts = JSON.parse(metadataOf(bytes).inputs);
    session = await onnxruntime().InferenceSession.create(bytes);
    return () => loaded.model.close();
  });

  it("scores keys like predict, also those never learned", async () => {
    const batch = decoded(loaded.spec, events(ROWS, 500), false);
    const expected = sigmoid(await loaded.model.predict(batch));
    const { probability, logits, calibrated } = await session.run(feedsOf(loaded, batch, facts));
    expect([batch.rows, ...probability.dims]).toEqual([ROWS, ROWS, 1]);
    const differences = expected.map((p, i) => Math.abs(p - Number(probability.data[i])));
    expect(Math.max(...differences)).toBeLessThan(1e-6);
    expect(new Set(expected).size).toBeGreaterThan(ROWS / 2);
    expect([...sigmoid(logits.data as Float32Array)]).toEqual([...(probability.data as Float32Array)]);
    const { calibrator } = loaded.model;
    expect(calibrated === undefined).toBe(calibrator === null);
    if (!calibrator) return;
    const corrected = sigmoid(calibrator.apply(logits.data as Float32Array, batch));
    expect([...(calibrated.data as Float32Array)]).toEqual([...corrected]);
    expect(corrected.some((p, i) => Math.abs(p - expected[i]) > 0.01)).toBe(true);
  });
});

const REFUSED = {
  "a table whose vectors are made": ["users: { encoding: dhe, dim: 4 }", "table users has vectors of encoding dhe"],
  "a hash table in shards": ["users: { encoding: hash, rows: 50, shards: 2 }", "table users has rows by remainder"],
} as const;

it.each(Object.entries(REFUSED))("reports that %s cannot be exported to one ONNX file", async (_, [table, why]) => {
  const loaded = await trained(
    `${TABLES.replace(/users: \{.*\}/, table)}\ntower: { deep_crossing: { residual: [8] } }`,
  );
  const { code, message, hint } = errorOf(() => wholeOnnx(loaded, {}));
  await loaded.model.close();
  expect([code, message]).toEqual(["usage", expect.stringContaining(why)]);
  expect(hint).toContain("omit --onnx whole");
});
