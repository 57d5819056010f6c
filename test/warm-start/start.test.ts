import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { Checkpoint } from "../../src/checkpoints/checkpoint.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { type Batch, batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { Decoder } from "../../src/decode/decoder.js";
import { createModel } from "../../src/model/create.js";
import type { Frozen, Model } from "../../src/model/model.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { specHash } from "../../src/spec/hash.js";
import { parseSpec } from "../../src/spec/parse.js";
import { frozenParts } from "../../src/warm-start/freeze.js";
import type { StartedPart } from "../../src/warm-start/report.js";
import { startFrom } from "../../src/warm-start/start.js";
import { feed } from "../decode/feed.js";

const ROWS = 64;

/** Users, items and a device; differences are text replacements. */
function specOf(changes: Readonly<Record<string, string>> = {}): CompiledSpec {
  let text = `name: m
events: { format: tsv, columns: [label, user, item, device, price, tags] }
fields:
  - { name: user, type: categorical, table: users }
  - { name: item, type: categorical, table: items }
  - { name: device, type: categorical, table: context }
  - { name: price, type: numeric, transform: standardize }
  - { name: tags, type: bag, max_length: 3, table: tags }
tables:
  users: { dim: 4 }
  items: { dim: 4 }
  context: { dim: 4, salt: field }
  tags: { dim: 4 }
tower: { deep_crossing: { residual: [8] } }
train: { batch: ${ROWS} }
`;
  for (const [from, to] of Object.entries(changes)) {
    if (!text.includes(from)) throw new Error(`${from}?`);
    text = text.replace(from, to);
  }
  return parseSpec(text, "m.yaml");
}

function batchesOf(spec: CompiledSpec, count: number, seed: number): Batch[] {
  const rng = new Rng(seed);
  const line = () =>
    [
      rng.below(2),
      `u${rng.below(20)}`,
      `i${rng.below(30)}`,
      `d${rng.below(3)}`,
      rng.below(100) / 10,
      `t${rng.below(5)}|t${rng.below(9)}`,
    ].join("\t");
  const text = Array.from({ length: count * ROWS }, line).join("\n");
  return feed(new Decoder(spec, { capacity: ROWS }), Buffer.from(`${text}\n`))
    .map(({ batch }) => batch)
    .filter(({ rows }) => rows > 0);
}

function modelOf(spec: CompiledSpec, frozen?: Frozen): Promise<Model> {
  return createModel(spec, { layout: batchLayout(spec, ROWS), threads: 1, purpose: "train", frozen });
}

/** A directory with a model that has learned events. */
async function learned(spec: CompiledSpec): Promise<{ directory: string; model: Model }> {
  const model = await modelOf(spec);
  for (const batch of batchesOf(spec, 6, 1)) await model.learn(batch);
  const store = new CheckpointStore(mkdtempSync(join(tmpdir(), "hashbrook-start-")));
  const meta = { spec, spec_hash: specHash(spec) };
  store.save(6 * ROWS, { meta: JSON.parse(JSON.stringify(meta)), blocks: model.blocks() });
  return { directory: store.directory, model };
}

async function scores(model: Model): Promise<number[]> {
  const [batch] = batchesOf(model.spec, 1, 7);
  return [...(await model.predict(batch))];
}

const outcomes = (parts: readonly StartedPart[], of: StartedPart["part"] = "table") =>
  Object.fromEntries(parts.filter(({ part }) => part === of).map(({ name, outcome }) => [name, outcome]));
const bits = (model: Model, prefix: string) =>
  model
    .blocks()
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, data }) => [name, Buffer.from(data).toString("base64")]);

async function started(from: CompiledSpec, to: CompiledSpec) {
  const { directory, model: old } = await learned(from);
  const model = await modelOf(to);
  return { old, model, ...(await startFrom(model, directory)) };
}

describe("a model that starts from one of the same spec", () => {
  it.each([
    "deep_crossing: { residual: [8] }",
    "dcn_v2: { hidden: [8] }",
    "dlrm: { hidden: [8], bottom: [4] }",
    "deepfm: { hidden: [8] }",
  ])("has its bytes: %s", async (tower) => {
    const spec = specOf({ "deep_crossing: { residual: [8] }": tower });
    const { old, model, parts } = await started(spec, spec);
    expect(bits(model, "table/")).toEqual(bits(old, "table/"));
    expect(bits(model, "dense/")).toEqual(bits(old, "dense/"));
    expect(await scores(model)).toEqual(await scores(old));
    expect(parts.every(({ outcome, reason }) => outcome === "taken" && reason === null)).toBe(true);
  });

  it("took three times the memory of its tables: they were copied, and restored twice", async () => {
    const read = vi.spyOn(Checkpoint.prototype, "read");
    const { model, parts } = await started(specOf(), specOf());
    const copied = read.mock.calls.flat().filter((name) => name.startsWith("table/"));
    read.mockRestore();
    expect(copied.filter((name) => !name.endsWith("/powers"))).toEqual([]);
    expect(parts.filter(({ part }) => part === "table").map(({ taken }) => taken)).toEqual(
      model.tables.map((table) => table.stats().rows),
    );
  });

  it.each([
    ["lr", ""],
    ["fm", ""],
    ["ffm", ""],
    // Its table is in one memory all the same: "block table/all.0/lifecycle is missing" otherwise.
    ["lr", "shards: 2, admission: { occurrence_threshold: 2 }"],
    ["fm", "shards: 2, encoding: hash, rows: 64"],
  ])("has its bytes for %s with { %s }", async (tower, options) => {
    const changes = {
      "{ deep_crossing: { residual: [8] } }": tower,
      "users: { dim: 4 }": `all: { ${options} }`,
      "  items: { dim: 4 }\n": "",
      "  context: { dim: 4, salt: field }\n": "",
      "  tags: { dim: 4 }\n": "",
    };
    const one = {
      "table: users": "table: all",
      "table: items": "table: all",
      "table: context": "table: all",
      "table: tags": "table: all",
      "standardize }": "standardize, table: all }",
    };
    const spec = specOf({ ...one, ...changes });
    const { old, model, parts } = await started(spec, spec);
    expect(await scores(model)).toEqual(await scores(old));
    expect(outcomes(parts)).toEqual({ all: "taken" });
  });
});

describe("a model that starts from one of another spec", () => {
  it("with a field added takes the columns of the known fields, at their new positions", async () => {
    const narrow = specOf({ "  - { name: item, type: categorical, table: items }\n": "", "  items: { dim: 4 }\n": "" });
    const { old, model, parts } = await started(narrow, specOf());
    expect(outcomes(parts)).toEqual({ users: "taken", items: "fresh", context: "taken", tags: "taken" });
    expect(outcomes(parts, "tower")["residual.0.inner.w"]).toBe("resized");
    const weight = (of: Model, name: string) =>
      new Float32Array(
        of
          .blocks()
          .find((block) => block.name === `dense/${name}/w`)!
          .data.slice().buffer,
      );
    const [was, is] = [weight(old, "residual.0.inner.w"), weight(model, "residual.0.inner.w")];
    // Rows of users (4), then items (4) at their new position, then the others and the price.
    expect([...is.subarray(0, 32)]).toEqual([...was.subarray(0, 32)]);
    expect([...is.subarray(64)]).toEqual([...was.subarray(32)]);
    const m = (of: Model) =>
      new Float32Array(
        of
          .blocks()
          .find(({ name }) => name === "dense/score.w/m")!
          .data.slice().buffer,
      );
    expect([...m(model).subarray(8)]).toEqual([...m(old).subarray(4)]);
    expect([...m(model).subarray(4, 8)]).toEqual([0, 0, 0, 0]);
  });

  it("with a table removed reports that it is dropped, and continues with the others", async () => {
    const narrow = specOf({ "  - { name: item, type: categorical, table: items }\n": "", "  items: { dim: 4 }\n": "" });
    const { parts, model } = await started(specOf(), narrow);
    expect(outcomes(parts)).toEqual({ users: "taken", context: "taken", tags: "taken", items: "dropped" });
    expect((await scores(model)).every(Number.isFinite)).toBe(true);
  });

  it.each([
    ["ftrl", 6],
    ["ftrl", 2],
    ["adagrad", 6],
    ["rowwise_adagrad", 6],
    ["adam", 2],
  ])("with longer or shorter rows keeps their floats, and the accumulators of %s (dim %i)", async (optimizer, dim) => {
    const items = (d: number) => ({ "items: { dim: 4 }": `items: { dim: ${d}, optimizer: ${optimizer} }` });
    const { old, model, parts } = await started(specOf(items(4)), specOf(items(dim)));
    expect(outcomes(parts)).toEqual({ users: "taken", items: "resized", context: "taken", tags: "taken" });
    const row = (of: Model, key: bigint) => of.tables[1].lookup!(key)!;
    const both = Math.min(4, dim);
    const [store] = old.tables[1].stores;
    for (const { keys } of store.exportRows()) {
      for (const key of keys) {
        const [a, b] = [row(old, key), row(model, key)];
        expect([...b.weights.subarray(0, both)]).toEqual([...a.weights.subarray(0, both)]);
        for (const [slot, values] of Object.entries(b.state)) expect(values[0]).toBe(a.state[slot][0]);
      }
    }
    expect(model.tables[1].stats().rows).toBe(store.rows);
    expect((await scores(model)).every(Number.isFinite)).toBe(true);
  });

  it("a hash table accepts a multiple of its rows, and returns the same vectors", async () => {
    const items = (rows: number) => ({ "items: { dim: 4 }": `items: { encoding: hash, rows: ${rows}, dim: 4 }` });
    const { old, model, parts } = await started(specOf(items(16)), specOf(items(48)));
    expect(outcomes(parts).items).toBe("resized");
    const [batch] = batchesOf(model.spec, 1, 1);
    expect([...(await model.predict(batch))]).toEqual([...(await old.predict(batch))]);
  });

  it("an exact table becomes another encoding", async () => {
    const hash = specOf({ "items: { dim: 4 }": "items: { encoding: shared, rows: 400, dim: 4, salt: table }" });
    const { old, model, parts } = await started(specOf(), hash);
    expect(outcomes(parts).items).toBe("resized");
    const [was, is] = [await scores(old), await scores(model)];
    is.forEach((score, i) => {
      expect(score).toBeCloseTo(was[i], 1);
    });
  });

  it.each([
    [
      "the salt differs",
      { "items: { dim: 4 }": "items: { dim: 4, salt: field }" },
      "items",
      /salt is field, was table/,
    ],
    ["the seed differs", { "batch: 64": "batch: 64, seed: 7" }, "users", /train.seed is 7, was 42/],
    [
      "the field is another",
      { "{ name: item, type: categorical, table": "{ name: item, type: numeric, transform: log1p-bucket, table" },
      "items",
      /field item: type differs from the checkpoint's/,
    ],
    [
      "a hash table has other rows",
      { "items: { dim: 4 }": "items: { encoding: hash, rows: 50, dim: 4 }" },
      "items",
      /^$/,
    ],
  ] as const)("a table is refused if %s", async (_, changes, name, why) => {
    const spec = specOf(changes);
    const from =
      why.source === "^$" ? specOf({ "items: { dim: 4 }": "items: { encoding: hash, rows: 40, dim: 4 }" }) : specOf();
    if (name === "users") {
      // Only the tower is the same then.
      const { parts } = await started(from, spec);
      expect(parts.find((part) => part.name === name)).toMatchObject({
        outcome: "refused",
        reason: expect.stringMatching(why),
      });
      return;
    }
    const { parts, model } = await started(from, spec);
    expect(outcomes(parts)).toMatchObject({ [name]: "refused", tags: "taken" });
    if (why.source !== "^$") expect(parts.find((part) => part.name === name)!.reason).toMatch(why);
    expect(model.tables.find((table) => table.name === name)!.stats().rows).toBe(0);
  });

  it('was refused for an appended field of ffm with "price: null" and advice that had been followed: it says what is possible', async () => {
    const ffm = (more: string) =>
      parseSpec(
        `name: f
events: { format: tsv, columns: [label, user, item, device, price, tags] }
fields:
  - { name: user, type: categorical, table: t }
  - { name: item, type: categorical, table: t }
  - { name: price, type: numeric, transform: standardize, table: t }
${more}tables: { t: { dim: 4, salt: field } }
tower: ffm
train: { batch: ${ROWS} }
`,
        "f.yaml",
      );
    const { directory } = await learned(ffm(""));
    const wider = await modelOf(ffm("  - { name: device, type: categorical, table: t }\n"));
    await expect(startFrom(wider, directory)).rejects.toThrow(
      /spec: t: its rows have a part for each other field, those of bags and then of numbers last: [^;]*$/,
    );
  });

  it("is refused if no part matches", async () => {
    const { directory } = await learned(specOf());
    const other = specOf({
      "users: { dim": "a: { dim",
      "items: { dim": "b: { dim",
      "context: { dim": "c: { dim",
      "tags: { dim": "d: { dim",
      "table: users": "table: a",
      "table: items": "table: b",
      "table: context": "table: c",
      "table: tags": "table: d",
      "deep_crossing: { residual: [8] }": "dlrm: { hidden: [4], bottom: [3] }",
      "transform: standardize": "transform: raw",
    });
    await expect(startFrom(await modelOf(other), directory)).rejects.toMatchObject({ code: "checkpoint_mismatch" });
    await expect(startFrom(await modelOf(other), tmpdir())).rejects.toMatchObject({ code: "checkpoint_missing" });
  });
});

describe("frozen parts", () => {
  it("keep their bytes while everything else learns", async () => {
    const spec = specOf();
    const { directory, model: old } = await learned(spec);
    const model = await modelOf(spec, frozenParts(spec, ["tables.items", "tower"]));
    await startFrom(model, directory);
    for (const batch of batchesOf(spec, 3, 9)) await model.learn(batch);
    expect(bits(model, "table/items")).toEqual(bits(old, "table/items"));
    expect(bits(model, "dense/")).toEqual(bits(old, "dense/"));
    expect(bits(model, "table/users")).not.toEqual(bits(old, "table/users"));
  });

  it.each([
    ["tables.itms", /did you mean tables.items/],
    ["residual", /use tower, tables.users/],
  ])("must exist: %s", (name, hint) => {
    expect(() => frozenParts(specOf(), [name])).toThrow(
      expect.objectContaining({ code: "usage", hint: expect.stringMatching(hint) }),
    );
  });

  it("must not be all of the model", () => {
    const all = ["tower", "tables.users", "tables.items", "tables.context", "tables.tags"];
    expect(() => frozenParts(specOf(), all)).toThrow(/all parts of the model would be frozen/);
    expect(frozenParts(specOf(), ["none"])).toEqual({ tables: new Set(), tower: false });
  });
});
