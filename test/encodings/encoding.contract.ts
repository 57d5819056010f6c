import { describe, expect, it } from "vitest";
import { createEncoding } from "../../src/encodings/create.js";
import { kindOf } from "../../src/encodings/index.js";
import type { EncodingSpec } from "../../src/spec/compiled.js";
import { type Encoding, NO_TIME } from "../../src/tables/encoding.js";
import { dice } from "../tables/samples.js";

export const CAPACITY = 64;

/** Creates an encoding for a spec, by default for training. */
export async function encodingOf(
  spec: EncodingSpec,
  purpose: "learn" | "score" | "serve" = "learn",
): Promise<Encoding> {
  const options = {
    capacity: CAPACITY,
    learns: purpose === "learn",
    serving: purpose === "serve",
    runtime: "onnxruntime",
  } as const;
  return createEncoding(spec, options);
}

/** The current vectors of keys: f32[keys × dim]. */
export async function vectorsOf(
  encoding: Encoding,
  keys: readonly bigint[],
  mode: "learn" | "score" = "score",
  clock = NO_TIME,
): Promise<Float32Array> {
  encoding.keys.set(BigUint64Array.from(keys));
  await encoding.gather(keys.length, mode, clock);
  return encoding.vectors.slice(0, keys.length * encoding.dim);
}

/** One step on distinct keys with the gradients that `gradient` gives for their vectors. */
export async function learn(
  encoding: Encoding,
  keys: readonly bigint[],
  gradient: (vectors: Float32Array) => Float32Array,
  clock = NO_TIME,
): Promise<void> {
  const vectors = await vectorsOf(encoding, keys, "learn", clock);
  encoding.gradients.set(gradient(vectors));
  await encoding.backward();
  expect(encoding.gradientsFinite()).toBe(true);
  encoding.apply();
}

const keys = Array.from({ length: 200 }, (_, i) => BigInt.asUintN(64, BigInt(i + 1) * 0x9e3779b97f4a7c15n));

/** `count` distinct keys. */
export function someKeys(roll: (n: number) => number, count: number): bigint[] {
  const picked = new Set<bigint>();
  while (picked.size < count) picked.add(keys[roll(keys.length)]);
  return [...picked];
}

const random = (roll: (n: number) => number, length: number, scale = 1) =>
  Float32Array.from({ length }, () => ((roll(2001) - 1000) / 1000) * scale);

function weightsOf(encoding: Encoding): Float32Array[] {
  const rows = encoding.stores.map((store) => store.weightsOfRows(store.rowsFrom(0, store.capacity)).weights);
  const dense = encoding.dense.flatMap((weights) =>
    Object.values(weights.parameters()).map(({ data }) => data.slice()),
  );
  return [...rows, ...dense];
}

const copyOf = (encoding: Encoding) =>
  new Map(encoding.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }]));

/** What every encoding keeps; `spec` with any optimizer, `sgd` the same with plain gradient steps of size `rate` everywhere, if there is such a spec. */
export function encodingContract(
  name: string,
  spec: EncodingSpec,
  sgd: { spec: EncodingSpec; rate: number } | null,
): void {
  describe(`encoding: ${name}`, () => {
    it("encodes a key independently of the rest of the batch, and changes nothing when scoring", async () => {
      const encoding = await encodingOf(spec);
      const roll = dice(3);
      for (let step = 0; step < 3; step++)
        await learn(encoding, someKeys(roll, 40), (v) => random(roll, v.length, 0.1));
      const before = copyOf(encoding);
      const asked = someKeys(roll, CAPACITY);
      const together = await vectorsOf(encoding, asked);
      for (const [i, key] of asked.slice(0, 12).entries()) {
        const alone = await vectorsOf(encoding, [key]);
        expect([...alone]).toEqual([...together.subarray(i * encoding.dim, (i + 1) * encoding.dim)]);
        expect([...(await encoding.vectorOf(key))]).toEqual([...alone]);
      }
      expect(copyOf(encoding)).toEqual(before);
      await encoding.close();
    });

    const descends = async ({ spec, rate }: NonNullable<typeof sgd>) => {
      const encoding = await encodingOf(spec);
      const roll = dice(5);
      const asked = someKeys(roll, 48);
      // All rows exist, and none has its initial weights.
      for (let step = 0; step < 3; step++) await learn(encoding, asked, (v) => random(roll, v.length, 0.5));
      const c = random(roll, asked.length * encoding.dim);
      const lossBefore = dot(c, await vectorsOf(encoding, asked, "learn"));
      const before = weightsOf(encoding);
      await learn(encoding, asked, () => c);
      const moved = weightsOf(encoding).reduce((sum, now, i) => sum + squaredDistance(now, before[i]), 0);
      const lossAfter = dot(c, await vectorsOf(encoding, asked, "learn"));
      const expected = -moved / rate;
      expect(moved).toBeGreaterThan(0);
      expect(Math.abs(lossAfter - lossBefore - expected)).toBeLessThan(0.03 * Math.abs(expected));
      await encoding.close();
    };
    if (sgd) it("descends the gradient of its vectors", () => descends(sgd));

    it("restores to the same bytes, and continues identically", async () => {
      const first = await encodingOf(spec);
      const second = await encodingOf(spec);
      const roll = dice(7);
      for (let step = 0; step < 4; step++) await learn(first, someKeys(roll, 30), (v) => random(roll, v.length, 0.1));
      second.restore(copyOf(first));
      expect(copyOf(second)).toEqual(copyOf(first));
      const asked = someKeys(roll, 50);
      expect([...(await vectorsOf(second, asked))]).toEqual([...(await vectorsOf(first, asked))]);
      const gradient = random(roll, asked.length * first.dim, 0.1);
      for (const encoding of [first, second]) await learn(encoding, asked, () => gradient);
      expect(copyOf(second)).toEqual(copyOf(first));
      await Promise.all([first.close(), second.close()]);
    });

    it("does the same at any time, unless its kind is `timed`: only then is the clock saved", async () => {
      const times = [() => NO_TIME, (step: number) => ({ time: step * 10 * 86_400_000, examples: step * 100_000 })];
      const learned = times.map(async (at) => {
        const encoding = await encodingOf(spec);
        const roll = dice(13);
        for (let step = 0; step < 6; step++)
          await learn(encoding, someKeys(roll, 30), (v) => random(roll, v.length, 0.1), at(step));
        const copy = copyOf(encoding);
        await encoding.close();
        return copy;
      });
      const [still, moving] = await Promise.all(learned);
      if (!kindOf(spec.encoding).timed) expect(moving).toEqual(still);
      else expect([...moving.keys()]).toEqual([...still.keys()]);
    });

    it("gives the trainer's bits in a replica that received its changes", async () => {
      const trainer = await encodingOf(spec);
      const replica = await encodingOf(spec, "serve");
      const changes = trainer.stores.map((store) => store.changes());
      const roll = dice(9);
      for (let step = 0; step < 4; step++) {
        await learn(trainer, someKeys(roll, 30), (v) => random(roll, v.length, 0.1));
        trainer.stores.forEach((store, i) => {
          replica.stores[i].put(store.weightsOfRows(changes[i].take()));
        });
        trainer.dense.forEach((weights, i) => {
          for (const [key, { data }] of Object.entries(weights.parameters()))
            replica.dense[i].parameters()[key].data.set(data);
          replica.dense[i].written();
        });
        const asked = someKeys(roll, CAPACITY);
        expect([...(await vectorsOf(replica, asked))]).toEqual([...(await vectorsOf(trainer, asked))]);
      }
      await Promise.all([trainer.close(), replica.close()]);
    });

    it("detects gradients that are not finite", async () => {
      const encoding = await encodingOf(spec);
      const asked = someKeys(dice(11), 5);
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        await vectorsOf(encoding, asked, "learn");
        encoding.gradients.fill(0, 0, asked.length * encoding.dim);
        encoding.gradients[3] = bad;
        await encoding.backward();
        expect(encoding.gradientsFinite()).toBe(false);
      }
      await encoding.close();
    });
  });
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i], 0);
const squaredDistance = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0);
