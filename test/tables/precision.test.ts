import { describe, expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import { fromHalf, toHalf } from "../../src/delta-log/precision.js";
import { storesWeights } from "../../src/optimizers/index.js";
import { precisionsOf } from "../../src/spec/precisions.js";
import { rowBytes } from "../../src/tables/bytes.js";
import { nonZeroRows } from "../../src/tables/nonzero-rows.js";
import { type ServingPrecision, StoreTable } from "../../src/tables/table.js";
import { halfOf, type PackedPrecision, rounded } from "../optimizers/packed-reference.js";
import { optimizerSpecs } from "../optimizers/specs.js";
import fc from "../properties.js";
import { batchOf, dice, modelOf, type TableShape } from "./samples.js";
import { copyOf, subjectOf } from "./table.contract.js";

const f = Math.fround;
const sgd = (learning_rate: number) => ({ kind: "sgd", learning_rate }) as const;

/** A table of `dim` weights a row for batches of `capacity` rows of one key each. */
function tableOf(shape: Partial<TableShape>, capacity: number) {
  const model = modelOf({ encoding: "exact", optimizer: sgd(1), singles: 1, init: 0, ...shape });
  const layout = batchLayout(model, capacity);
  const table = new StoreTable(model, 0, layout);
  /** Gathers keys from `first` on and applies the gradients that `gradientOf` computes from their weights. */
  const learn = (first: number, gradientOf: (w: Float32Array) => Float32Array): void => {
    const rows = Array.from({ length: capacity }, (_, i) => ({ singles: [BigInt(first + i)] }));
    table.gather(batchOf(layout, rows), "learn");
    table.gradient.set(gradientOf(table.output.slice(0, capacity * table.width)));
    table.apply();
  };
  return { table, learn };
}

/** A serving store whose rows are held in a precision, f32[dim] in, f32[dim] out. */
function held(dim: number, servingPrecision: ServingPrecision): (w: Float32Array) => Float32Array {
  const model = modelOf({ encoding: "hash", rows: 1, optimizer: sgd(1), singles: 1, dim });
  const { store } = new StoreTable(model, 0, batchLayout(model, 1), { serving: true, servingPrecision });
  return (weights) => {
    store.put({ keys: BigUint64Array.of(0n), weights });
    return store.weightsOf(0n);
  };
}

const weight = fc.oneof(
  fc.float({ noNaN: true }),
  fc.double({ min: -1, max: 1, noNaN: true }).map(f),
  fc.constantFrom(0, -0, 2 ** -14, 65504, 65520, 1e-8, 2 ** -25),
);

describe("rows held in a precision", () => {
  it("are the nearest f16, as in the delta log", () => {
    const hold = held(8, "f16");
    fc.assert(
      fc.property(fc.array(weight, { minLength: 8, maxLength: 8 }), (w) => {
        const row = Float32Array.from(w);
        expect(hold(row)).toEqual(row.map((x) => fromHalf(toHalf(x))));
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it.each([
    ["int8", 127],
    ["int4", 7],
  ] as const)("are within half a quantization step of their row in %s", (precision, most) => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.infiniteStream(weight), (dim, stream) => {
        const w = Float32Array.from({ length: dim }, () => stream.next().value);
        const found = held(dim, precision)(w);
        const expected = rounded([...w], precision, null, 0);
        expect([...found].map((x) => x + 0)).toEqual(expected.w.map((x) => x + 0));
        found.forEach((x, i) => {
          // Larger values saturate at the largest number, with a scale of about 2^118.
          const bound = Math.abs(w[i]) > 2 ** 125 ? Number.MAX_VALUE : expected.scale * 0.5001;
          if (!(Math.abs(x - w[i]) <= bound)) throw new Error(`${w[i]} became ${x}`);
        });
        const largest = Math.max(...w.map(Math.abs));
        if (largest > 1e-30 && largest < 1e30) expect(expected.scale * most).toBeLessThan(largest * 1.01);
      }),
      { numRuns: 300, seed: 2 },
    );
  });

  it("never hold NaN or an infinity", () => {
    for (const precision of ["f16", "int8", "int4"] as const) {
      const bad = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38, 1);
      for (const x of held(5, precision)(bad)) expect(x, precision).toSatisfy(Number.isFinite);
    }
  });

  it.each([
    ["f32", 64],
    ["f16", 32],
    ["int8", 18],
    ["int4", 10],
  ] as const)("in %s take %i bytes for 16 weights", (servingPrecision, bytes) => {
    const model = modelOf({ encoding: "hash", optimizer: optimizerSpecs.adam, dim: 16, singles: 1 });
    const { store } = new StoreTable(model, 0, batchLayout(model, 1), { serving: true, servingPrecision });
    expect(store.layout.stride).toBe(bytes);
  });

  it("of one weight have no scale", () => {
    expect(held(1, "int4")(Float32Array.of(0.3))[0]).toBe(fromHalf(toHalf(0.3)));
  });
});

describe("stochastic rounding", () => {
  /** 2^20 roundings of x (and of its row's largest weight, `most`) in one precision: mean and standard error. */
  function draws(precision: PackedPrecision, x: number, most: number): { mean: number; error: number } {
    const capacity = 2048;
    const { table, learn } = tableOf({ precision, dim: 16 }, capacity);
    let [sum, squares, count] = [0, 0, 0];
    for (let first = 0; count < 2 ** 20; first += capacity) {
      learn(first, (w) => w.map((_, i) => -(i % 16 === 0 ? most : x)));
      for (let key = first; key < first + capacity; key++) {
        for (const w of table.store.weightsOf(BigInt(key)).subarray(1)) {
          [sum, squares, count] = [sum + (w - x), squares + (w - x) ** 2, count + 1];
        }
      }
    }
    return { mean: sum / count, error: Math.sqrt(squares / count / count) };
  }

  it.each([
    ["int8", 0.3, 1],
    ["int8", -0.001, 1],
    ["int8", 0.0005, 1],
    ["int4", 0.3, 1],
    ["int4", -0.01, 1],
    ["int2", 0.3, 1],
    ["int2", -0.01, 1],
    ["q2.13", 0.12345, 1],
    ["q2.13", -0.00003, 1],
    ["f16", 0.3, 1],
    ["f16", -1234.5678, 1],
    ["f16", 3e-8, 1],
    ["f16", -3.3e-5, 1],
  ] as const)("is unbiased: E[%s of %d] equals it within 4 standard errors", (precision, x, most) => {
    const { mean, error } = draws(precision, f(x), most);
    expect(error).toBeGreaterThan(0);
    expect(Math.abs(mean)).toBeLessThan(4 * error);
  });

  it.each(["f16", "int8", "int4", "int2", "q2.13"] as const)(
    "leaves %s weights with a zero gradient unchanged",
    (precision) => {
      const { table, learn } = tableOf({ precision, dim: 16, init: 0.5 }, 64);
      learn(0, (w) => w.map((_, i) => Math.sin(i)));
      const before = table.store.readRows(table.store.rowsFrom(0, 64));
      for (let step = 0; step < 20; step++) learn(0, (w) => w.fill(0));
      expect(table.store.readRows(table.store.rowsFrom(0, 64))).toEqual(before);
    },
  );

  it("leaves FTRL's weights with a zero gradient unchanged", () => {
    for (const precision of ["f16", "q2.13"] as const) {
      const { table, learn } = tableOf({ precision, dim: 16, init: 0.5, optimizer: optimizerSpecs.ftrl }, 64);
      learn(0, (w) => w.map((_, i) => Math.sin(i)));
      const before = table.store.readRows(table.store.rowsFrom(0, 64));
      for (let step = 0; step < 20; step++) learn(0, (w) => w.fill(0));
      expect(table.store.readRows(table.store.rowsFrom(0, 64))).toEqual(before);
    }
  });

  /** Mean |w - target| after descending the quadratic 1/2 |w - target|^2 from 0. */
  function descend(shape: Partial<TableShape>, steps: number, rate: number): number {
    const rows = 4;
    const target = Float32Array.from({ length: rows * 16 }, (_, i) => (i % 16 === 0 ? 1 : Math.cos(i)));
    const { table, learn } = tableOf({ dim: 16, optimizer: sgd(rate), ...shape }, rows);
    for (let step = 0; step < steps; step++) learn(0, (w) => w.map((x, i) => x - target[i]));
    const w = Array.from({ length: rows }, (_, key) => [...table.store.weightsOf(BigInt(key))]).flat();
    return w.reduce((sum, x, i) => sum + Math.abs(x - target[i]), 0) / w.length;
  }

  it("learns in steps far below a quantization step, where rounding to the nearest stalls", () => {
    // The largest step, rate · 1, is a fifth of a code of int8 and a third of q2.13's.
    const [int8, nearest] = [undefined, "nearest"].map((rounding) =>
      descend({ precision: "int8", ...(rounding && { rounding: "nearest" }) }, 3000, 0.0015),
    );
    expect(int8).toBeLessThan(0.03);
    expect(nearest).toBeGreaterThan(0.2);
    const [fixed, stalled] = [undefined, "nearest"].map((rounding) =>
      descend({ precision: "q2.13", ...(rounding && { rounding: "nearest" }) }, 20_000, 4e-5),
    );
    expect(fixed).toBeLessThan(0.31);
    expect(stalled).toBeGreaterThan(0.6);
  });

  it("keeps FTRL's rate falling where rounding to the nearest stalls", () => {
    const optimizer = { kind: "ftrl", alpha: 0.1, beta: 1, l1: 0, l2: 0, l21: 0 } as const;
    const roots = [undefined, "nearest"].map((rounding) => {
      const { table, learn } = tableOf(
        { precision: "f16", dim: 4, optimizer, ...(rounding && { rounding: "nearest" }) },
        8,
      );
      for (let step = 0; step < 20_000; step++) learn(0, (w) => w.fill(step % 2 === 0 ? 0.1 : -0.1));
      const n = Array.from({ length: 8 }, (_, key) => [...table.store.lookup(BigInt(key))!.state.n]).flat();
      return n.reduce((sum, x) => sum + x, 0) / n.length;
    });
    // n = 20,000 · 0.01; the nearest stops where g^2 / (2 sqrt(n)) is half of the last place of sqrt(n).
    expect(roots[0]).toBeGreaterThan(195);
    expect(roots[0]).toBeLessThan(205);
    expect(roots[1]).toBeLessThan(20);
  });

  it("does not depend on how a stream is divided into batches, or on a restore in between", () => {
    const shape = { encoding: "exact", precision: "int8", optimizer: optimizerSpecs.adagrad, singles: 1 } as const;
    const [whole, first, second] = [subjectOf(shape), subjectOf(shape), subjectOf(shape)];
    for (let i = 0; i < 40; i++) whole.learn([{ singles: [BigInt(i % 7)] }]);
    for (let i = 0; i < 40; i++) first.learn([{ singles: [BigInt(i % 7)] }]);
    expect(copyOf(first.table.blocks())).toEqual(copyOf(whole.table.blocks()));
    second.table.restore(copyOf(first.table.blocks()));
    expect(second.table.blocks().map(({ name }) => name)).toContain("table/ids/roundings");
    expect(copyOf(second.table.blocks())).toEqual(copyOf(first.table.blocks()));
  });
});

describe("low precision rows", () => {
  it.each([
    ["rowwise_adagrad", "int8", 16, 22],
    ["rowwise_adagrad", "int4", 16, 14],
    ["rowwise_adagrad", "int2", 16, 10],
    ["rowwise_adagrad", "f16", 16, 36],
    ["adagrad", "int8", 16, 82],
    ["sgd", "int8", 16, 18],
    ["ftrl", "f16", 16, 64],
    ["ftrl", "q2.13", 1, 4],
    ["adagrad", "q2.13", 1, 6],
  ] as const)("of %s in %s with %i weights take %i bytes", (name, precision, dim, bytes) => {
    const optimizer = optimizerSpecs[name];
    for (const [encoding, key] of [
      ["hash", 0],
      ["exact", 8],
    ] as const) {
      const model = modelOf({ encoding, optimizer, precision, dim, singles: 1 });
      expect(new StoreTable(model, 0, batchLayout(model, 1)).layout.stride).toBe(key + bytes);
      expect(rowBytes({ ...model.tables[0], encoding })).toBe(key + bytes);
    }
  });

  it("in f32 take the bytes that the spec computes", () => {
    for (const optimizer of Object.values(optimizerSpecs)) {
      for (const encoding of ["hash", "exact"] as const) {
        for (const dim of [1, 3, 16]) {
          const model = modelOf({ encoding, optimizer, dim, singles: 1 });
          const { stride } = new StoreTable(model, 0, batchLayout(model, 1)).layout;
          expect(rowBytes({ ...model.tables[0], encoding })).toBe(stride);
        }
      }
    }
  });

  it("are available if the optimizer can learn in them", () => {
    expect(precisionsOf(optimizerSpecs.ftrl, 8)).toEqual(["f16"]);
    expect(precisionsOf(optimizerSpecs.adam, 8)).toEqual(["f16", "int8", "int4", "int2"]);
    for (const optimizer of Object.values(optimizerSpecs)) expect(precisionsOf(optimizer, 1)).toEqual(["f16", "q2.13"]);
  });

  it("stay finite under the largest gradients", () => {
    for (const [name, optimizer] of Object.entries(optimizerSpecs)) {
      for (const dim of [1, 6]) {
        for (const precision of precisionsOf(optimizer, dim)) {
          const { table, learn } = tableOf({ precision, optimizer, dim, init: 0.05 }, 8);
          const roll = dice(dim);
          for (let step = 0; step < 60; step++) {
            learn(0, (w) => w.map(() => (roll(2) - 0.5) * 2 * 10 ** (roll(46) - 30)));
            for (let key = 0n; key < 8n; key++) {
              const { weights, state } = table.store.lookup(key)!;
              for (const x of [...weights, ...Object.values(state).flatMap((slot) => [...slot])]) {
                if (!Number.isFinite(x)) throw new Error(`${name} in ${precision}: ${x}`);
              }
            }
          }
        }
      }
    }
    expect.assertions(0);
  });

  it("expose their slots as floats", () => {
    const { table, learn } = tableOf({ precision: "f16", optimizer: optimizerSpecs.ftrl, dim: 3 }, 1);
    learn(0, (w) => w.fill(0.5));
    const { weights, state } = table.store.lookup(0n)!;
    expect(Object.keys(state)).toEqual(["z", "n"]);
    expect([...state.n]).toEqual([0.25, 0.25, 0.25, 0]);
    // z = 0.5, through a code of z / D(n), D = (1 + 0.5) / 0.05 + 0.001.
    for (const z of state.z.subarray(0, 3)) expect(Math.abs(z - 0.5)).toBeLessThan(0.5 * 2 ** -10);
    for (const w of weights) expect(w).toBeLessThan(0);
  });

  it.each(Object.entries(optimizerSpecs).filter(([, { kind }]) => storesWeights(kind)))(
    "have the slots of rows in f32, with %s",
    (_, optimizer) => {
      const slots = (["f16", undefined] as const).map((precision) => {
        const { table, learn } = tableOf({ precision, optimizer, dim: 4 }, 1);
        learn(0, (w) => w.map((_, i) => 0.5 + i));
        const { w, ...others } = table.store.lookup(0n)!.state;
        return others;
      });
      const [packed, plain] = slots;
      expect(Object.keys(packed)).toEqual(Object.keys(plain));
      for (const [name, slot] of Object.entries(packed)) expect(slot).toEqual(plain[name].subarray(0, slot.length));
    },
  );

  it("equal the scalar f16 conversion", () => {
    for (let half = 0; half < 0x7c00; half += 7) expect(halfOf(fromHalf(half), undefined)).toBe(fromHalf(half));
  });
});

describe("rows that are not 0", () => {
  it("are those with a weight other than 0", () => {
    const chunks = [
      { keys: BigUint64Array.of(1n, 2n, 3n), weights: Float32Array.of(0, 0, 0, 4, -0, 0) },
      { keys: BigUint64Array.of(5n), weights: Float32Array.of(0, 0) },
      { keys: BigUint64Array.of(6n), weights: Float32Array.of(1e-30, 0, 9, 9) },
    ];
    expect([...nonZeroRows(chunks, 2)]).toEqual([
      { keys: BigUint64Array.of(2n), weights: Float32Array.of(0, 4) },
      { keys: BigUint64Array.of(6n), weights: Float32Array.of(1e-30, 0) },
    ]);
  });
});
