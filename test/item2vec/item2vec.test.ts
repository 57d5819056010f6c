import { copyFileSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { safetensorsLayout } from "../../src/checkpoints/safetensors.js";
import { batchLayout } from "../../src/core/batch.js";
import { npyHeader } from "../../src/core/npy.js";
import { Rng } from "../../src/core/rng.js";
import { Decoder } from "../../src/decode/decoder.js";
import { toHalf } from "../../src/delta-log/precision.js";
import { item2vec } from "../../src/item2vec/item2vec.js";
import type { Item2vecProgress } from "../../src/item2vec/learn.js";
import { neighboursOf } from "../../src/item2vec/neighbours.js";
import { word2vecKernel } from "../../src/kernels/word2vec.js";
import { createModel } from "../../src/model/create.js";
import { keysOf } from "../../src/spec/keys.js";
import { parseSpec } from "../../src/spec/parse.js";
import { frozenParts } from "../../src/warm-start/freeze.js";
import { readGivenVectors, readIdVectors, writeIdVectors } from "../../src/warm-start/id-vectors.js";
import { startVectors } from "../../src/warm-start/start-vectors.js";
import { feed } from "../decode/feed.js";

const folder = () => mkdtempSync(join(tmpdir(), "hashbrook-item2vec-"));
const file = (text: string) => {
  const path = join(folder(), "data.txt");
  writeFileSync(path, text);
  return path;
};

describe("one call of the kernel", () => {
  const [DIM, NEGATIVE, ALPHA] = [6, 7, 0.3];
  const END = 0xffffffff;
  const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const logistic = (x: number) => 1 / (1 + Math.exp(-x));

  /** Steps down the gradient of -log s(i · o) - Σ log s(-i · n), six targets at a time: gradients are those of the vectors as they were before. */
  function learnTargets(input: number[], positive: number[], negative: number[]): number[] {
    const move = input.map(() => 0);
    for (const [positives, negatives] of [
      [1, 5],
      [0, NEGATIVE - 5],
    ]) {
      const g = positives * ALPHA * (1 - logistic(dot(input, positive)));
      const n = -negatives * ALPHA * logistic(dot(input, negative));
      input.forEach((x, c) => {
        move[c] += g * positive[c] + n * negative[c];
        positive[c] += g * x;
        negative[c] += n * x;
      });
    }
    return move;
  }

  it.each([
    ["skip-gram", false],
    ["cbow", true],
  ])("is the step of %s according to its formulas, including ids drawn twice", (_, cbow) => {
    // Ids 0, 1, 2 are a sequence; what is drawn is always 3.
    const layout = { ids: 4, dim: DIM, window: 1, negative: NEGATIVE, cbow, longest: 8 };
    const { kernel, memory } = word2vecKernel(layout)!;
    const vectors = (at: number) => new Float32Array(memory.buffer, at >>> 0, 4 * 8);
    const alias = new Uint32Array(memory.buffer, kernel.aliasAt() >>> 0, 8);
    for (let i = 0; i < 4; i++) alias.set([0, 3], 2 * i);
    new Uint32Array(memory.buffer, kernel.keepAt() >>> 0, 4).fill(END);
    const rng = new Rng(5);
    const drawn = () =>
      Array.from({ length: 4 }, () => Array.from({ length: DIM }, () => Math.fround(rng.uniform() - 0.5)));
    const [inputs, outputs] = [drawn(), drawn()];
    for (let i = 0; i < 4; i++) {
      vectors(kernel.inputsAt()).set(inputs[i], 8 * i);
      vectors(kernel.outputsAt()).set(outputs[i], 8 * i);
    }
    new Uint32Array(memory.buffer, kernel.idsAt() >>> 0, 4).set([0, 1, 2, END]);
    expect(kernel.train(4, 1n, ALPHA)).toBe(3);
    for (const [word, near] of [
      [0, [1]],
      [1, [0, 2]],
      [2, [1]],
    ] as readonly (readonly [number, readonly number[]])[]) {
      const groups = cbow ? [near] : near.map((one) => [one]);
      for (const group of groups) {
        const input = inputs[0].map((_, c) => group.reduce((sum, i) => sum + inputs[i][c] / group.length, 0));
        const move = learnTargets(input, outputs[word], outputs[3]);
        for (const i of group) inputs[i] = inputs[i].map((x, c) => x + move[c]);
      }
    }
    for (let i = 0; i < 4; i++) {
      for (let c = 0; c < DIM; c++) {
        expect(vectors(kernel.inputsAt())[8 * i + c]).toBeCloseTo(inputs[i][c], 5);
        expect(vectors(kernel.outputsAt())[8 * i + c]).toBeCloseTo(outputs[i][c], 5);
      }
      expect([...vectors(kernel.inputsAt()).subarray(8 * i + DIM, 8 * i + 8)]).toEqual([0, 0]);
    }
  });
});

const [CLUSTERS, EACH] = [10, 20];

/** Sequences whose ids are from one cluster, except a tenth. */
function planted(sequences: number): string {
  const rng = new Rng(11);
  const id = (cluster: number) => `c${cluster}-${rng.below(EACH)}`;
  return Array.from({ length: sequences }, () => {
    const cluster = rng.below(CLUSTERS);
    return Array.from({ length: 10 }, () => id(rng.below(10) === 0 ? rng.below(CLUSTERS) : cluster)).join(" ");
  }).join("\n");
}

/** The share of ids that are in a group of k-means with most others of their cluster. */
function purity({ ids, dim, vectors }: { ids: readonly string[]; dim: number; vectors: Float32Array }): number {
  const rows = ids.map((_, i) => {
    const row = [...vectors.subarray(i * dim, (i + 1) * dim)];
    const norm = Math.hypot(...row);
    return row.map((x) => x / norm);
  });
  const distance = (a: number[], b: number[]) => Math.hypot(...a.map((x, c) => x - b[c]));
  const near = (row: number[], centres: number[][]) => Math.min(...centres.map((centre) => distance(row, centre)));
  let centres = [rows[0]];
  while (centres.length < CLUSTERS) centres.push(rows.reduce((a, b) => (near(b, centres) > near(a, centres) ? b : a)));
  let groups: number[] = [];
  for (let pass = 0; pass < 10; pass++) {
    groups = rows.map((row) =>
      centres.map((centre) => distance(row, centre)).reduce((best, d, k, all) => (d < all[best] ? k : best), 0),
    );
    centres = centres.map((centre, k) => {
      const mine = rows.filter((_, i) => groups[i] === k);
      return mine.length === 0
        ? centre
        : centre.map((_, c) => mine.reduce((sum, row) => sum + row[c], 0) / mine.length);
    });
  }
  let right = 0;
  for (let k = 0; k < CLUSTERS; k++) {
    const names = ids.filter((_, i) => groups[i] === k).map((id) => id.split("-")[0]);
    right += Math.max(0, ...names.map((name) => names.filter((other) => other === name).length));
  }
  return right / ids.length;
}

describe("item2vec", () => {
  it.each(["skip-gram", "cbow"] as const)("finds planted clusters (%s)", async (architecture) => {
    const out = folder();
    const report = await item2vec({ data: file(planted(3000)), out, architecture, epochs: 5, sample: 0 });
    expect(report).toMatchObject({ ids: CLUSTERS * EACH, dim: 16, sequences: 3000, words: 30_000 });
    const vectors = readIdVectors(out);
    expect(purity(vectors)).toBeGreaterThanOrEqual(0.95);
    const [nearest] = neighboursOf(out, "c3-7", 1);
    expect(nearest.id).toMatch(/^c3-/);
  });

  it("reports the ids learned so far, and for how long: the ends of sequences counted as ids", async () => {
    const [data, epochs, told] = [file(planted(300)), 2, [] as Item2vecProgress[]];
    const onProgress = (progress: Item2vecProgress) => void told.push(progress);
    const { words } = await item2vec({ data, out: folder(), epochs, sample: 0, onProgress });
    expect(told.at(-1)).toEqual({ epoch: epochs, words: words * epochs, seconds: expect.any(Number), done: 1 });
  });

  it("a folder that cannot be written is noticed before anything is read, with a hint", async () => {
    const out = join(file(""), "vectors");
    await expect(item2vec({ data: "none.txt", out })).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining("cannot be written"),
      hint: expect.stringContaining("not a folder"),
    });
  });

  it("gives the same bytes for the same seed, different ones for another", async () => {
    const data = file(planted(300));
    const bytes = async (seed: number) => {
      const out = folder();
      await item2vec({ data, out, seed, epochs: 1, minCount: 1 });
      return readFileSync(join(out, "vectors.npy")).toString("base64");
    };
    expect(await bytes(1)).toBe(await bytes(1));
    expect(await bytes(1)).not.toBe(await bytes(2));
  });

  it("vectors that have diverged are not written, and the command fails", async () => {
    const [data, out] = [file("a b c d e f\n".repeat(200)), join(folder(), "vectors")];
    await expect(item2vec({ data, out, rate: 1e6 })).rejects.toMatchObject({
      code: "diverged",
      hint: expect.stringContaining("--rate"),
    });
    expect(existsSync(out)).toBe(false);
  });

  it("a file with one id a line is not said to need a lower --min-count than 1", async () => {
    const attempt = item2vec({ data: file("a\n\nb\n"), out: folder(), minCount: 1 });
    await expect(attempt).rejects.toMatchObject({ code: "usage", hint: "a line has the ids of one sequence" });
  });

  it("reads sequences with any separators, and counts them", async () => {
    const out = folder();
    const text = 'a b,c\td\n["a", "b c", 7, "t\\tb"]\n\n a  b \nx\n';
    await item2vec({ data: file(text), out, minCount: 1, epochs: 1, dim: 5 });
    expect(readFileSync(join(out, "ids.tsv"), "utf8")).toBe("a\t3\nb\t2\nc\t1\nd\t1\nb c\t1\n7\t1\nt\\tb\t1\nx\t1\n");
    expect(readIdVectors(out)).toMatchObject({ ids: ["a", "b", "c", "d", "b c", "7", "t\tb", "x"], dim: 5 });
  });

  it("keeps the digits of 64-bit ids in JSON, so that neighbours have vectors of their own", async () => {
    const out = folder();
    await item2vec({ data: file("[9007199254740993, 9007199254740992, 1.50]\n"), out, minCount: 1, epochs: 1 });
    expect(readIdVectors(out).ids).toEqual(["9007199254740993", "9007199254740992", "1.50"]);
  });

  const spec = parseSpec(
    `name: m
events: { format: tsv, columns: [label, user, item] }
fields: [{ name: who, type: categorical, from: user, table: users }, { name: item, type: categorical, table: items }]
tables: { users: { dim: 4 }, items: { dim: 4 } }
tower: deep_crossing
`,
    "m.yaml",
  );

  it("reads the positive events of every user, in the order of the stream", async () => {
    const events = ["1\tu\ta", "1\tv\tb", "0\tu\tx", "1\tu\tc", "broken", "1\tv\tb", "1\tu\ta"].join("\n");
    const report = (negatives: boolean, out = folder()) =>
      item2vec({
        data: file(events),
        model: spec,
        field: "item",
        sequenceBy: "who",
        negatives,
        out,
        minCount: 1,
        epochs: 1,
      });
    expect(await report(false)).toMatchObject({ ids: 3, sequences: 2, words: 5 });
    expect(await report(true)).toMatchObject({ ids: 4, sequences: 2, words: 6 });
  });

  it.each([
    ["no ids often enough", { minCount: 9 }, /no sequence has two ids/],
    ["a field without a spec", { field: "item" }, /require --model/],
    ["a spec without a field", { model: spec }, /requires --field and --sequence-by/],
    ["another field", { model: spec, field: "itm", sequenceBy: "who" }, /neither a field nor a column/],
    ["no dimension", { dim: 0 }, /at least 1/],
    ["a window of more than 32 bits, which was 5", { window: 2 ** 32 + 5 }, /window 4294967301: at most 4294967295/],
    [
      "more negatives than 32 bits count, which were 1",
      { negative: 2 ** 32 + 1 },
      /negative 4294967297: at most 4294967295/,
    ],
    [
      "so many negatives that their memory was counted without them",
      { negative: 2 ** 32 - 1, minCount: 1 },
      /more than 4 GiB/,
    ],
  ])("refuses %s", async (_, options, message) => {
    await expect(item2vec({ data: file("a b\n"), out: folder(), ...options })).rejects.toThrow(message);
  });
});

describe("a table that starts from vectors", () => {
  const specOf = (optimizer: string, encoding = "exact", tower = "deep_crossing") =>
    parseSpec(
      `name: m
events: { format: tsv, columns: [label, item, seen] }
fields: [{ name: item, type: categorical, table: items }, { name: seen, type: bag, table: items }]
tables: { items: { encoding: ${encoding}, dim: 4, optimizer: ${optimizer}, salt: table } }
tower: ${tower}
`,
      "m.yaml",
    );
  const modelOf = (spec: ReturnType<typeof specOf>) =>
    createModel(spec, { layout: batchLayout(spec, 8), threads: 1, purpose: "train" });
  /** Of root mean square 2. */
  const given = (dim = 4) => {
    const path = folder();
    const ids = ["a", "b", "c"];
    const vectors = Float32Array.from({ length: ids.length * dim }, (_, i) => (i % 2 === 0 ? 2 : -2));
    writeIdVectors(path, { ids, dim, vectors }, Uint32Array.of(3, 2, 1), {});
    return path;
  };
  const keyOf = (spec: ReturnType<typeof specOf>, id: string) => BigInt(`0x${keysOf(spec, "item", [id])[0].key}`);

  it.each(["ftrl", "{ ftrl: { l1: 0.1, l21: 0.2 } }", "adagrad", "adam", "sgd"])(
    "starts with their first floats, scaled, and %s keeps them",
    async (optimizer) => {
      const spec = specOf(optimizer);
      const model = await modelOf(spec);
      const [part] = await startVectors(model, [{ table: "items", path: given(6) }]);
      expect(part).toMatchObject({ outcome: "taken", taken: 3 });
      const { weights, state } = model.tables[0].lookup!(keyOf(spec, "b"))!;
      [0.3, -0.3, 0.3, -0.3].forEach((w, c) => {
        expect(weights[c]).toBeCloseTo(w, 6);
      });
      if (state.n) expect([...state.n]).toEqual([0, 0, 0, 0]);
      expect(model.tables[0].lookup!(keyOf(spec, "unknown"))).toBeNull();
    },
  );

  it("fm's rows keep a linear weight of 0, and other encodings learn them", async () => {
    const fm = specOf("ftrl", "exact", "fm");
    const model = await modelOf(fm);
    await startVectors(model, [{ table: "items", path: given() }]);
    expect(model.tables[0].lookup!(keyOf(fm, "a"))!.weights.map((x) => Math.round(x * 10))).toEqual(
      Float32Array.of(3, -3, 3, -3, 0),
    );
    const shared = specOf("ftrl", "shared, rows: 64");
    const learned = await modelOf(shared);
    await startVectors(learned, [{ table: "items", path: given() }]);
    const vector = await learned.tables[0].vectorOf(keyOf(shared, "a"));
    expect(Math.abs(vector[0] - 0.3)).toBeLessThan(0.05);
  });

  it("reads vectors written by other programs: f16, safetensors, a list of ids without counts", () => {
    const path = folder();
    writeFileSync(join(path, "ids.txt"), "a\nb\n");
    const { header } = safetensorsLayout([{ name: "embeddings", dtype: "F16", shape: [2, 3] }]);
    const halves = Uint16Array.from([1, -2, 0.5, 0.25, 0, 3], toHalf);
    writeFileSync(join(path, "vectors.safetensors"), Buffer.concat([header, new Uint8Array(halves.buffer)]));
    const { ids, dim, vectors } = readIdVectors(path);
    expect([ids, dim, [...vectors]]).toEqual([["a", "b"], 3, [1, -2, 0.5, 0.25, 0, 3]]);
    writeFileSync(join(path, "ids.txt"), "a\na\n");
    expect(() => readIdVectors(path)).toThrow(/duplicate id/);
    writeFileSync(join(path, "ids.txt"), "a\n");
    expect(() => readIdVectors(path)).toThrow(/has 2 rows, but there are 1 ids/);
  });

  it("knows the ids of lists whose lines end as Windows writes them", () => {
    const path = folder();
    writeFileSync(join(path, "vectors.npy"), Buffer.concat([npyHeader("F32", [2, 1]), new Uint8Array(8)]));
    for (const name of ["ids.txt", "ids.tsv"]) {
      writeFileSync(join(path, name), "a\r\nb\\r\r\n");
      expect(readIdVectors(path).ids).toEqual(["a", "b\r"]);
    }
  });

  it("reads Parquet files of ids and lists of floats, single ones or in a folder", async () => {
    const from = (name: string) => readGivenVectors(join("test/fixtures/parquet/vectors", `${name}.parquet`));
    const { ids, dim, vectors } = await from("vectors");
    expect([ids, dim, [...vectors]]).toEqual([["a", "b", "c"], 3, [1, -2, 0.5, 0.25, 0, 3, 4, 5, 6]]);
    expect(await from("numbers")).toMatchObject({ ids: ["7", "9007199254740993"], dim: 2 });
    const path = folder();
    copyFileSync("test/fixtures/parquet/vectors/vectors.parquet", join(path, "vectors.parquet"));
    expect(await readGivenVectors(path)).toEqual({ ids, dim, vectors });
    const fm = specOf("ftrl", "exact", "fm");
    const model = await modelOf(fm);
    const [{ taken, reason }] = await startVectors(model, [{ table: "items", path }]);
    expect([taken, reason]).toEqual([3, expect.stringContaining("vectors of 3 ids")]);
  });

  it.each([
    ["lengths", "row 2, id b: its vector has 1 floats, but the first vector has 2"],
    ["nan", "row 2, id b: its vector has a value that is not a finite number"],
    ["no-id", "has the columns title, brand, embedding: none is named id"],
    ["no-list", "has the columns id, price: none has lists of floats"],
    ["null-id", "row 2: id has no id"],
    ["null-vector", "row 2, id b: has no vector"],
    ["twice", "row 2: duplicate id a"],
    ["empty", "has no rows"],
  ])("refuses an invalid Parquet file of vectors: %s", async (name, message) => {
    const path = `test/fixtures/parquet/vectors/${name}.parquet`;
    await expect(readGivenVectors(path)).rejects.toMatchObject({
      code: "source_unreadable",
      message: `${path}: ${message}`,
    });
  });

  it("reports a missing file of vectors, and one that is not Parquet", async () => {
    const path = join(folder(), "vectors.parquet");
    await expect(readGivenVectors(path)).rejects.toMatchObject({ code: "source_missing" });
    writeFileSync(path, "no Parquet");
    await expect(readGivenVectors(path)).rejects.toMatchObject({ code: "source_unreadable" });
  });

  it("assigns frozen content vectors to ids: known ids have its first floats, others zeros, and training does not change them", async () => {
    const spec = parseSpec(
      `name: m
events: { format: tsv, columns: [label, item] }
fields: [{ name: item, type: categorical, table: items }, { name: text, type: categorical, from: item, table: texts }]
tables: { items: { dim: 4 }, texts: { dim: 4, init: 0, optimizer: sgd } }
tower: deep_crossing
`,
      "m.yaml",
    );
    const options = { layout: batchLayout(spec, 8), threads: 1, purpose: "train" } as const;
    const model = await createModel(spec, { ...options, frozen: frozenParts(spec, ["tables.texts"]) });
    await startVectors(model, [{ table: "texts", path: given(6) }]);
    const texts = () => Buffer.from(model.tables[1].blocks()[0].data).toString("base64");
    const before = texts();
    const decoder = new Decoder(spec, { capacity: 8 });
    for (const { batch } of feed(decoder, Buffer.from("1\ta\n0\tunknown\n1\tb\n"))) await model.learn(batch);
    expect(texts()).toBe(before);
    const [{ batch }] = feed(new Decoder(spec, { capacity: 8 }), Buffer.from("1\ta\n0\tunknown\n"));
    await model.predict(batch);
    const vectors = [...model.tables[1].output.subarray(0, 8)].map((x) => Math.round(x * 10) + 0);
    expect(vectors).toEqual([3, -3, 3, -3, 0, 0, 0, 0]);
  });

  it.each([
    ["itms", /no such table/],
    ["items", /has no ids.tsv/],
  ])("is refused if the table or the vectors are missing: %s", async (table, message) => {
    const path = table === "items" ? folder() : given();
    await expect(startVectors(await modelOf(specOf("ftrl")), [{ table, path }])).rejects.toThrow(message);
  });
});
