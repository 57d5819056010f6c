import { describe, expect, it } from "vitest";
import { createEncoding } from "../../../src/encodings/create.js";
import type { EncodingSpec } from "../../../src/spec/compiled.js";
import type { Encoding, EncodingOptions } from "../../../src/tables/encoding.js";
import { optimizerSpecs } from "../../optimizers/specs.js";
import {
  centralDifference,
  checkDenseGradients,
  copyBlocks,
  keysOf,
  publish,
  randomFloats,
  restoreBlocks,
} from "../dense-gradients.js";
import { learn, vectorsOf } from "../encoding.contract.js";

const CAPACITY = 150;
const DIM = 6;
const ROW = 3;

const spec: EncodingSpec = {
  name: "ids",
  encoding: "low_dim",
  rows: 16,
  dim: DIM,
  init: 0.5,
  optimizer: optimizerSpecs.sgd,
  seed: "00000000000000ff",
  low_dim: { dim: ROW, optimizer: optimizerSpecs.adam },
};

async function encodingOf(own: Partial<EncodingSpec> = {}, options: Partial<EncodingOptions> = {}): Promise<Encoding> {
  const rest: EncodingOptions = { capacity: CAPACITY, learns: true, serving: false, runtime: "onnxruntime" };
  return createEncoding({ ...spec, ...own }, { ...rest, ...options });
}

async function train(encoding: Encoding, steps: number, first = 0): Promise<void> {
  for (let step = first; step < first + steps; step++) {
    const keys = keysOf(20 + step * 7, step * 11);
    await learn(encoding, keys, () => randomFloats(step, keys.length * DIM));
  }
}

const stores: Readonly<Record<string, Partial<EncodingSpec>>> = {
  "a row for every key": { optimizer: optimizerSpecs.ftrl },
  "rows over three memories": { shards: 3 },
};

describe("LowDimEncoding", () => {
  it("multiplies a row by the matrix", async () => {
    const encoding = await encodingOf();
    await train(encoding, 4);
    const keys = keysOf(30);
    const found = await vectorsOf(encoding, keys, "score");
    const p = encoding.dense[0].parameters()["ids.projection.0.w"];
    expect(p.shape).toEqual([ROW, DIM]);
    keys.forEach((key, i) => {
      const row = encoding.stores[0].weightsOf(key);
      for (let d = 0; d < DIM; d++) {
        const expected = row.reduce((sum, w, k) => sum + w * p.data[k * DIM + d], 0);
        expect(Math.abs(found[i * DIM + d] - expected)).toBeLessThan(1e-6);
      }
    });
  });

  it("computes the matrix's gradients like finite differences", async () => {
    await checkDenseGradients(await encodingOf(), keysOf(40));
  });

  it("moves rows down the gradient from finite differences", async () => {
    const encoding = await encodingOf({ low_dim: { dim: ROW, optimizer: { kind: "sgd", learning_rate: 0 } } });
    const keys = keysOf(10);
    const c = randomFloats(5, keys.length * DIM);
    await vectorsOf(encoding, keys, "learn");
    const [store] = encoding.stores;
    const before = keys.map((key) => store.weightsOf(key));
    await learn(encoding, keys, () => c);
    const after = keys.map((key) => store.weightsOf(key));
    const objective = async () => (await vectorsOf(encoding, keys, "learn")).reduce((sum, v, i) => sum + v * c[i], 0);
    for (const [i, key] of keys.entries()) {
      const { row } = store.lookup(key)!;
      const weights = new Float32Array(store.memory.buffer, store.kernel.rowPtr(row) >>> 0, ROW);
      for (let k = 0; k < ROW; k++) {
        const gradient = (before[i][k] - after[i][k]) / 0.1;
        expect(Math.abs((await centralDifference(weights, k, objective)) - gradient)).toBeLessThan(1e-3);
      }
    }
  });

  it("initialises vectors with the norm of full rows", async () => {
    const encoding = await encodingOf({ dim: 32, low_dim: { dim: 8, optimizer: optimizerSpecs.adam } });
    const vectors = await vectorsOf(encoding, keysOf(CAPACITY), "score");
    const power = vectors.reduce((sum, v) => sum + v * v, 0) / vectors.length;
    expect(power).toBeGreaterThan(0.5 ** 2 / 3 / 2);
    expect(power).toBeLessThan((0.5 ** 2 / 3) * 2);
  });

  it("learns from init 0 on", async () => {
    const encoding = await encodingOf({ init: 0 });
    const keys = keysOf(40);
    expect(await vectorsOf(encoding, keys, "score")).toEqual(new Float32Array(40 * DIM));
    await train(encoding, 1);
    const [{ data }] = Object.values(encoding.dense[0].parameters());
    expect(data.every((w) => w !== 0 && Math.abs(w) < 10)).toBe(true);
    await encoding.close();
  });

  it("learns target vectors within the rank of the matrix", async () => {
    const encoding = await encodingOf({ optimizer: optimizerSpecs.adagrad });
    const keys = keysOf(60);
    const [rows, p] = [randomFloats(1, 60 * ROW), randomFloats(2, ROW * DIM)];
    const wanted = Float32Array.from({ length: 60 * DIM }, (_, at) => {
      const [i, d] = [Math.floor(at / DIM), at % DIM];
      return [0, 1, 2].reduce((sum, k) => sum + rows[i * ROW + k] * p[k * DIM + d], 0);
    });
    const loss = (vectors: Float32Array) => vectors.reduce((sum, v, i) => sum + (v - wanted[i]) ** 2, 0);
    const before = loss(await vectorsOf(encoding, keys, "score"));
    for (let step = 0; step < 400; step++) {
      await learn(encoding, keys, (vectors) => vectors.map((v, i) => v - wanted[i]));
    }
    expect(loss(await vectorsOf(encoding, keys, "score"))).toBeLessThan(before / 20);
  });

  describe.each(Object.entries(stores))("%s", (_, own) => {
    it("restores to the same bytes, and continues identically", async () => {
      const [first, second] = [await encodingOf(own), await encodingOf(own)];
      await train(first, 5);
      restoreBlocks(second, copyBlocks(first));
      expect(copyBlocks(second)).toEqual(copyBlocks(first));
      await train(first, 3, 5);
      await train(second, 3, 5);
      expect(copyBlocks(second)).toEqual(copyBlocks(first));
    });

    it("scores a key with the same bits in any batch", async () => {
      const encoding = await encodingOf(own);
      await train(encoding, 4);
      const keys = keysOf(CAPACITY);
      const alone: number[] = [];
      for (const key of keys.slice(0, 40)) alone.push(...(await encoding.vectorOf(key)));
      for (const count of [40, 41, 65, CAPACITY]) {
        const found = await vectorsOf(encoding, keys.slice(0, count), "score");
        expect([...found.subarray(0, alone.length)]).toEqual(alone);
      }
    });

    it("scores in a replica like in the trainer", async () => {
      const trainer = await encodingOf(own);
      const replica = await encodingOf(own, { learns: false, serving: true });
      for (let step = 0; step < 4; step++) {
        await train(trainer, 2, 2 * step);
        publish(trainer, replica);
        const keys = keysOf(100);
        expect(await vectorsOf(replica, keys, "score")).toEqual(await vectorsOf(trainer, keys, "score"));
      }
    });

    it("learns nothing from a batch without keys", async () => {
      const encoding = await encodingOf(own);
      await train(encoding, 2);
      const before = copyBlocks(encoding);
      await learn(encoding, [], () => new Float32Array());
      expect(copyBlocks(encoding)).toEqual(before);
    });
  });

  it("continues after its rows' memory has grown", async () => {
    const encoding = await encodingOf();
    for (let step = 0; step < 600; step++) {
      const keys = keysOf(CAPACITY, step * CAPACITY);
      await learn(encoding, keys, () => randomFloats(step, keys.length * DIM));
    }
    expect(encoding.stores[0].rows).toBe(600 * CAPACITY);
    expect((await vectorsOf(encoding, keysOf(CAPACITY), "score")).every((v) => Number.isFinite(v) && v !== 0)).toBe(
      true,
    );
  });

  it("reports the bytes of its rows and matrix", async () => {
    const encoding = await encodingOf();
    expect(encoding.bytes).toBe(encoding.stores[0].bytes + 4 * 3 * ROW * DIM + 16);
  });
});
