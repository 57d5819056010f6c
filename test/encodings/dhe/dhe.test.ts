import { describe, expect, it } from "vitest";
import { batchLayout } from "../../../src/core/batch.js";
import { Rng } from "../../../src/core/rng.js";
import { createTable } from "../../../src/encodings/create.js";
import { DheEncoding } from "../../../src/encodings/dhe/dhe.js";
import type { EncodingSpec } from "../../../src/spec/compiled.js";
import { parseSpec } from "../../../src/spec/parse.js";
import type { EncodingOptions } from "../../../src/tables/encoding.js";
import { hashFunctions, hashOf, uniformCode } from "../../kernels/code/reference.js";
import { optimizerSpecs } from "../../optimizers/specs.js";
import { checkDenseGradients, copyBlocks, keysOf, publish, randomFloats, restoreBlocks } from "../dense-gradients.js";
import { encodingContract, learn, vectorsOf } from "../encoding.contract.js";

const CAPACITY = 200;
const DIM = 4;
const SEED = 0xffn;

type Dhe = NonNullable<EncodingSpec["dhe"]>;

const base: Dhe = {
  hashes: 12,
  code: "uniform",
  depth: 2,
  width: 8,
  activation: "mish",
  batch_norm: true,
  optimizer: optimizerSpecs.adam,
  cache_rows: 0,
};
const variants: Readonly<Record<string, Partial<Dhe>>> = {
  "mish, batch norm": {},
  "relu, Gaussian code, batch norm": { activation: "relu", code: "gaussian" },
  "mish, no batch norm, odd sizes": { batch_norm: false, hashes: 7, width: 9, depth: 1 },
};

const specOf = (dhe: Partial<Dhe>): EncodingSpec => ({
  name: "ids",
  encoding: "dhe",
  rows: 0,
  dim: DIM,
  init: 0.5,
  optimizer: optimizerSpecs.sgd,
  seed: SEED.toString(16).padStart(16, "0"),
  dhe: { ...base, ...dhe },
});

function encodingOf(dhe: Partial<Dhe> = {}, options: Partial<EncodingOptions> = {}): DheEncoding {
  const spec = specOf(dhe);
  return new DheEncoding(spec, spec.dhe!, {
    capacity: CAPACITY,
    learns: true,
    serving: false,
    runtime: "onnxruntime",
    ...options,
  });
}

const rate = 0.002;
// The contract's step has 48 keys, by whose number the gradients are divided.
const sgd = { kind: "sgd", learning_rate: 48 * rate } as const;
encodingContract("dhe", specOf({ cache_rows: 40 }), { spec: specOf({ batch_norm: false, optimizer: sgd }), rate });

it("a batch whose matrix does not fit beside its keys' vectors is refused, and writes over no other memory", async () => {
  const model = parseSpec(
    `
name: large
events: { format: json }
fields: [${["a", "b", "c", "d"].map((name) => `{ name: ${name}, type: categorical, table: ids }`)}]
tables: { ids: { encoding: dhe, dim: 1024, dhe: { hashes: 4, width: 4 } } }
tower: deep_crossing`,
    "test.yaml",
  );
  const creating = createTable(model, 0, batchLayout(model, 65_536));
  await expect(creating).rejects.toMatchObject({ code: "table_full", message: expect.stringContaining("65536 rows") });
});

/** Some steps with random keys and gradients. */
async function train(encoding: DheEncoding, steps: number, first = 0): Promise<void> {
  for (let step = first; step < first + steps; step++) {
    const keys = keysOf(40 + step * 7, step * 11);
    await learn(encoding, keys, () => randomFloats(step, keys.length * DIM));
  }
}

describe("DheEncoding", () => {
  describe.each(Object.entries(variants))("%s", (_, dhe) => {
    it("computes gradients like finite differences", async () => {
      await checkDenseGradients(encodingOf(dhe), keysOf(40));
    });

    it("restores to the same bytes, and continues identically", async () => {
      const [first, second] = [encodingOf(dhe), encodingOf(dhe)];
      await train(first, 5);
      restoreBlocks(second, copyBlocks(first));
      expect(copyBlocks(second)).toEqual(copyBlocks(first));
      await train(first, 3, 5);
      await train(second, 3, 5);
      expect(copyBlocks(second)).toEqual(copyBlocks(first));
      expect(await vectorsOf(second, keysOf(50), "score")).toEqual(await vectorsOf(first, keysOf(50), "score"));
    });

    it("scores a key with the same bits in any batch", async () => {
      const encoding = encodingOf(dhe);
      await train(encoding, 4);
      const keys = keysOf(CAPACITY);
      const alone: number[] = [];
      for (const key of keys.slice(0, 40)) alone.push(...(await encoding.vectorOf(key)));
      for (const count of [40, 41, 64, 65, 127, CAPACITY]) {
        const found = await vectorsOf(encoding, keys.slice(0, count), "score");
        expect([...found.subarray(0, alone.length)]).toEqual(alone);
        const backwards = await vectorsOf(encoding, keys.slice(0, count).reverse(), "score");
        expect([...backwards.subarray(-DIM)]).toEqual(alone.slice(0, DIM));
      }
    });

    it("scores in a replica, also with its cache, like in the trainer", async () => {
      const trainer = encodingOf(dhe);
      const scores = { learns: false, serving: true };
      const replicas = [encodingOf(dhe, scores), encodingOf({ ...dhe, cache_rows: 64 }, scores)];
      for (let step = 0; step < 4; step++) {
        await train(trainer, 2, 2 * step);
        for (const replica of replicas) {
          publish(trainer, replica);
          for (const keys of [keysOf(30), keysOf(100, 20), keysOf(60)])
            expect(await vectorsOf(replica, keys, "score")).toEqual(await vectorsOf(trainer, keys, "score"));
        }
      }
    });
  });

  it("equals a reference decoder in double precision", async () => {
    const encoding = encodingOf();
    await train(encoding, 6);
    const keys = keysOf(20);
    const found = await vectorsOf(encoding, keys, "score");
    const weights = Object.assign({}, ...encoding.dense.map((optimizer) => optimizer.parameters()));
    const at = (name: string): Float32Array => weights[`ids.decoder.${name}`].data;
    const linear = (x: readonly number[], w: Float32Array, width: number) =>
      Array.from({ length: width }, (_, n) => x.reduce((sum, v, k) => sum + v * w[k * width + n], 0));
    const normalise = (x: number, layer: number, n: number) =>
      ((x - at(`${layer}.mean`)[n]) * at(`${layer}.gamma`)[n]) / Math.sqrt(at(`${layer}.variance`)[n] + 1e-5) +
      at(`${layer}.beta`)[n];
    const mish = (x: number) => x * Math.tanh(Math.log1p(Math.exp(x)));
    keys.forEach((key, i) => {
      let x = hashFunctions(base.hashes, SEED).map((f) => uniformCode(hashOf(key, f)));
      for (let layer = 0; layer < base.depth; layer++) {
        x = linear(x, at(`${layer}.w`), base.width).map((h, n) => mish(normalise(h, layer, n)));
      }
      linear(x, at("2.w"), DIM).forEach((v, d) => {
        expect(Math.abs(found[i * DIM + d] - (v + at("2.b")[d]))).toBeLessThan(1e-5);
      });
    });
  });

  it("agrees between runtimes to 1e-4", async () => {
    const [onnx, tensorflow] = [encodingOf(), encodingOf({}, { runtime: "tensorflow" })];
    const keys = keysOf(40);
    const gradients = randomFloats(1, keys.length * DIM);
    for (const encoding of [onnx, tensorflow]) await learn(encoding, keys, () => gradients);
    const [a, b] = [await vectorsOf(onnx, keys, "score"), await vectorsOf(tensorflow, keys, "score")];
    a.forEach((v, i) => {
      expect(Math.abs(v - b[i])).toBeLessThan(1e-4);
    });
  });

  it("initialises vectors with the norm of table rows, different for different keys", async () => {
    const vectors = await vectorsOf(encodingOf({ width: 64, hashes: 64 }), keysOf(CAPACITY), "score");
    const power = vectors.reduce((sum, v) => sum + v * v, 0) / vectors.length;
    expect(power).toBeGreaterThan(0.5 ** 2 / 3 / 2);
    expect(power).toBeLessThan((0.5 ** 2 / 3) * 2);
    expect(new Set(vectors.filter((_, i) => i % DIM === 0)).size).toBe(CAPACITY);
  });

  it("learns target vectors", async () => {
    const encoding = encodingOf({ hashes: 64, width: 32, optimizer: { ...optimizerSpecs.adam } });
    const keys = keysOf(100);
    const wanted = randomFloats(9, keys.length * DIM);
    const loss = (vectors: Float32Array) => vectors.reduce((sum, v, i) => sum + (v - wanted[i]) ** 2, 0);
    const before = loss(await vectorsOf(encoding, keys, "score"));
    for (let step = 0; step < 400; step++) {
      const vectors = await vectorsOf(encoding, keys, "learn");
      encoding.gradients.set(vectors.map((v, i) => v - wanted[i]));
      await encoding.backward();
      encoding.apply();
    }
    expect(loss(await vectorsOf(encoding, keys, "score"))).toBeLessThan(before / 20);
  });

  it("normalises small batches by the running statistics, without updating them", async () => {
    const encoding = encodingOf();
    await train(encoding, 3);
    const statistics = () => [...copyBlocks(encoding)].filter(([name]) => /mean|variance/.test(name));
    const before = statistics();
    expect(before.length).toBe(2 * base.depth);
    for (const count of [1, 31]) {
      const keys = keysOf(count, 500);
      const expected = await vectorsOf(encoding, keys, "score");
      (await vectorsOf(encoding, keys, "learn")).forEach((v, i) => {
        expect(Math.abs(v - expected[i])).toBeLessThan(1e-6);
      });
      await learn(encoding, keys, () => randomFloats(count, count * DIM));
      expect(statistics()).toEqual(before);
    }
    await learn(encoding, keysOf(32), () => randomFloats(1, 32 * DIM));
    expect(statistics()).not.toEqual(before);
  });

  it("moves the running statistics a hundredth of the way", async () => {
    const encoding = encodingOf({ depth: 1 });
    const [weights, statistics] = encoding.dense.map((optimizer) => optimizer.parameters());
    const keys = keysOf(CAPACITY);
    const w = weights["ids.decoder.0.w"].data.slice();
    const functions = hashFunctions(base.hashes, SEED);
    const codes = keys.map((key) => functions.map((f) => uniformCode(hashOf(key, f))));
    await learn(encoding, keys, () => randomFloats(1, keys.length * DIM));
    for (let n = 0; n < base.width; n++) {
      const h = codes.map((code) => code.reduce((sum, v, k) => sum + v * w[k * base.width + n], 0));
      const mean = h.reduce((sum, v) => sum + v, 0) / h.length;
      const variance = h.reduce((sum, v) => sum + (v - mean) ** 2, 0) / h.length;
      expect(statistics["ids.decoder.0.mean"].data[n]).toBeCloseTo(0.01 * mean, 6);
      expect(statistics["ids.decoder.0.variance"].data[n]).toBeCloseTo(0.99 + 0.01 * variance, 6);
    }
  });

  it("learns nothing from a batch without keys", async () => {
    const encoding = encodingOf();
    await train(encoding, 2);
    const before = copyBlocks(encoding);
    await learn(encoding, [], () => new Float32Array());
    expect(copyBlocks(encoding)).toEqual(before);
    expect(await vectorsOf(encoding, [], "score")).toHaveLength(0);
  });

  it("detects gradients that are not finite, and changes nothing before apply", async () => {
    const encoding = encodingOf();
    await train(encoding, 2);
    const before = copyBlocks(encoding);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await vectorsOf(encoding, keysOf(50), "learn");
      encoding.gradients.fill(0);
      encoding.gradients[17] = bad;
      await encoding.backward();
      expect(encoding.gradientsFinite()).toBe(false);
    }
    expect(copyBlocks(encoding)).toEqual(before);
    await train(encoding, 1, 2);
    expect(copyBlocks(encoding)).not.toEqual(before);
  });

  it("caches a scorer's vectors until a weight or a statistic changes", async () => {
    const options = { learns: false, serving: true };
    const [cached, plain] = [encodingOf({ cache_rows: 50 }, options), encodingOf({}, options)];
    const trainer = encodingOf();
    const rng = new Rng(6);
    for (let round = 0; round < 30; round++) {
      const part = rng.below(3);
      if (part === 0) {
        await train(trainer, 1, round % 8);
        for (const encoding of [cached, plain]) publish(trainer, encoding);
      } else if (part === 1) {
        for (const { dense } of [cached, plain]) {
          dense[1].parameters()["ids.decoder.0.variance"].data[3] = 1 + round;
          dense[1].written();
        }
      }
      const keys = keysOf(1 + rng.below(100), rng.below(60));
      expect(await vectorsOf(cached, keys, "score")).toEqual(await vectorsOf(plain, keys, "score"));
    }
  });

  it("reports the bytes of its weights, statistics and optimizer state", () => {
    const { hashes, width, depth } = base;
    const weights = hashes * width + width * width + width * DIM + DIM + depth * 2 * width;
    expect(encodingOf().bytes).toBe(4 * (3 * weights + depth * 2 * width) + 16);
  });

  it("refuses batches that do not fit in memory", () => {
    const open = () => encodingOf({ hashes: 1024 }, { capacity: 100_000, memoryLimit: 64 << 20 });
    expect(open).toThrow(expect.objectContaining({ code: "table_full" }));
  });

  it("can be closed before and after a run", async () => {
    const encoding = encodingOf();
    await encoding.close();
    encoding.keys.set(keysOf(3));
    await encoding.gather(3, "score");
    await encoding.close();
    expect(encoding.vectors.slice(0, 3 * DIM).every(Number.isFinite)).toBe(true);
  });
});
