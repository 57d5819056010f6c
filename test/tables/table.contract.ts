import { describe, expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import type { Block } from "../../src/core/blocks.js";
import type { OptimizerSpec } from "../../src/spec/compiled.js";
import { StoreTable } from "../../src/tables/table.js";
import { optimizerSpecs } from "../optimizers/specs.js";
import fc from "../properties.js";
import { drawWeights, ReferenceTable } from "./reference.js";
import { batchOf, dice, modelOf, type Row, randomRows, SEED, type TableShape } from "./samples.js";

const CAPACITY = 12;
const keys = Array.from({ length: 40 }, (_, i) => (BigInt(i) * 0x9e3779b97f4a7c15n) & (2n ** 64n - 1n));

/** The properties of a table in these tests. */
export interface Subject {
  readonly table: StoreTable;
  readonly reference: ReferenceTable;
  /** Gathers rows for learning and applies a pseudo-random gradient, in the table and in the reference; returns both X. */
  learn(rows: readonly Row[]): { x: Float32Array; expected: Float32Array };
  score(rows: readonly Row[]): Float32Array;
}

export function subjectOf(shape: TableShape): Subject {
  const model = modelOf(shape);
  const layout = batchLayout(model, CAPACITY);
  const table = new StoreTable(model, 0, layout);
  const reference = new ReferenceTable(model);
  const roll = dice(7);
  const x = (rows: readonly Row[]): Float32Array => table.output.slice(0, rows.length * table.width);
  return {
    table,
    reference,
    learn: (rows) => {
      const expected = reference.gather(rows, true);
      table.gather(batchOf(layout, rows), "learn");
      const found = x(rows);
      const gradient = Float32Array.from(expected, () => (roll(2000) - 1000) / 1000);
      table.gradient.set(gradient);
      table.apply();
      reference.apply(gradient);
      return { x: found, expected };
    },
    score: (rows) => {
      table.gather(batchOf(layout, rows), "score");
      return x(rows);
    },
  };
}

export const copyOf = (blocks: readonly Block[]): Map<string, Block> =>
  new Map(blocks.map((block) => [block.name, { ...block, data: block.data.slice() }]));

/** The bytes of every learned row, by its number. */
function rowBytes({ store }: StoreTable): Map<number, string> {
  const rows = [...store.rowsFrom(0, store.capacity)];
  return new Map(rows.map((row) => [row, Buffer.from(store.readRows(Uint32Array.of(row))).toString("hex")]));
}

/** Every cell kind at once. */
const mixed = { singles: 3, bags: ["sum", "mean", "side by side", "sqrtn"], numbers: 2, bias: true } as const;

type RowForm = Pick<TableShape, "optimizer" | "precision" | "rounding">;

const { ftrl, adagrad, rowwise_adagrad, adam, sgd } = optimizerSpecs;
/** Every optimizer in f32, and the low precision rows. */
const rowForms: [string, RowForm][] = [
  ...Object.entries(optimizerSpecs).map(([name, optimizer]): [string, RowForm] => [name, { optimizer }]),
  ["ftrl in f16", { optimizer: ftrl, precision: "f16" }],
  ["ftrl in f16, nearest", { optimizer: ftrl, precision: "f16", rounding: "nearest" }],
  ["ftrl with group lasso in f16", { optimizer: optimizerSpecs["ftrl with group lasso"], precision: "f16" }],
  ["ftrl in q2.13", { optimizer: ftrl, precision: "q2.13" }],
  ["adagrad in f16", { optimizer: adagrad, precision: "f16" }],
  ["adagrad in int8", { optimizer: adagrad, precision: "int8" }],
  ["adagrad in int8, nearest", { optimizer: adagrad, precision: "int8", rounding: "nearest" }],
  ["rowwise_adagrad in int8", { optimizer: rowwise_adagrad, precision: "int8" }],
  ["adagrad in int4", { optimizer: adagrad, precision: "int4" }],
  ["adagrad in int4, nearest", { optimizer: adagrad, precision: "int4", rounding: "nearest" }],
  ["rowwise_adagrad in int4", { optimizer: rowwise_adagrad, precision: "int4" }],
  ["adagrad in int2", { optimizer: adagrad, precision: "int2" }],
  ["rowwise_adagrad in int2", { optimizer: rowwise_adagrad, precision: "int2" }],
  ["rowwise_adagrad in int2, nearest", { optimizer: rowwise_adagrad, precision: "int2", rounding: "nearest" }],
  ["sgd in int2", { optimizer: sgd, precision: "int2" }],
  ["adam in int8", { optimizer: adam, precision: "int8" }],
  ["sgd in int8", { optimizer: sgd, precision: "int8" }],
  ["sgd in q2.13", { optimizer: sgd, precision: "q2.13" }],
];

/** Maximum rounding error of an initial weight of at most 0.05. */
const steps = {
  f32: 1e-7,
  f16: 0.05 * 2 ** -11,
  int8: 0.05 / 250,
  int4: 0.05 / 13,
  int2: 0.026,
  "q2.13": 2 ** -14 + 1e-7,
} as const;

/** The contract of every encoding, for every optimizer. */
export function tableContract(encoding: "hash" | "exact"): void {
  describe.each(rowForms)("with %s", (_, form) => {
    it.each([1, 3, 4, 16])("equals the scalar reference bit for bit, dim %i", (dim) => {
      const shape = { encoding, ...form, dim, ...mixed };
      const { table, reference, learn, score } = subjectOf(shape);
      const roll = dice(dim);
      for (let step = 0; step < 12; step++) {
        const rows = randomRows(shape, keys, 1 + roll(CAPACITY), roll);
        expect(score(rows)).toEqual(reference.gather(rows, false));
        const { x, expected } = learn(rows);
        expect(x).toEqual(expected);
      }
      expect(table.stats().rows).toBe(reference.rows.size);
      for (const key of keys) expect([...table.store.weightsOf(key)]).toEqual(reference.weightsOf(key));
    });

    it("restores to the same bytes, and continues identically", () => {
      const shape = { encoding, ...form, ...mixed };
      const [first, second] = [subjectOf(shape), subjectOf(shape)];
      const roll = dice(3);
      const batches = Array.from({ length: 8 }, () => randomRows(shape, keys, CAPACITY, roll));
      for (const rows of batches) first.learn(rows);
      second.table.restore(copyOf(first.table.blocks()));
      expect(copyOf(second.table.blocks())).toEqual(copyOf(first.table.blocks()));
      const next = batchOf(batchLayout(modelOf(shape), CAPACITY), batches[0]);
      for (const { table } of [first, second]) {
        table.gather(next, "learn");
        table.gradient.fill(0.25);
        table.apply();
      }
      expect(copyOf(second.table.blocks())).toEqual(copyOf(first.table.blocks()));
    });

    it("records every row that a batch changes or creates, and none that it did not read", () => {
      const shape = { encoding, ...form, dim: 4, ...mixed };
      const { table, learn, score } = subjectOf(shape);
      const roll = dice(19);
      learn(randomRows(shape, keys, CAPACITY, roll));
      const changes = table.store.changes();
      expect([...changes.take()]).toEqual([]);
      for (let step = 0; step < 8; step++) {
        const before = rowBytes(table);
        learn(randomRows(shape, keys, 1 + roll(4), roll));
        score(randomRows(shape, keys, CAPACITY, roll));
        const after = rowBytes(table);
        const changed = [...changes.take()];
        const differing = [...after].filter(([row, bytes]) => before.get(row) !== bytes).map(([row]) => row);
        expect(differing.filter((row) => !changed.includes(row))).toEqual([]);
        for (const row of changed) expect(after.has(row)).toBe(true);
        expect(changed.length).toBeLessThanOrEqual(4 * (3 + 4 * 6 + 2 + 1));
        expect([...changes.take()]).toEqual([]);
      }
    });

    it.each([1, 3, 8])("predicts the same bits in a serving table with its rows, dim %i", (dim) => {
      const shape = { encoding, ...form, dim, ...mixed };
      const trainer = subjectOf(shape);
      const layout = batchLayout(modelOf(shape), CAPACITY);
      const replica = new StoreTable(modelOf(shape), 0, layout, { serving: true });
      const changes = trainer.table.store.changes();
      const roll = dice(dim);
      for (let step = 0; step < 6; step++) {
        trainer.learn(randomRows(shape, keys.slice(0, 30), 1 + roll(CAPACITY), roll));
        replica.store.put(trainer.table.store.weightsOfRows(changes.take()));
        const rows = randomRows(shape, keys, CAPACITY, roll);
        const expected = trainer.score(rows);
        replica.gather(batchOf(layout, rows), "score");
        expect(replica.output.slice(0, expected.length)).toEqual(expected);
        expect(replica.stats().rows).toBe(trainer.table.stats().rows);
      }
      const forgotten = trainer.table.store.weightsOfRows(trainer.table.store.rowsFrom(0, 5)).keys;
      replica.store.remove(forgotten);
      const fresh = new StoreTable(modelOf(shape), 0, layout).store;
      for (const key of forgotten) expect(replica.store.weightsOf(key)).toEqual(fresh.weightsOf(key));
    });

    it("creates a row with its initial weights, whatever the key", () => {
      const shape = { encoding, ...form, dim: 8, singles: 1 };
      const { table, reference, learn, score } = subjectOf(shape);
      const rows = [{ singles: [keys[5]] }];
      const unseen = score(rows);
      const drawn = drawWeights(reference.idOf(keys[5]), SEED, 0.05, 8);
      unseen.forEach((w, i) => {
        expect(Math.abs(w - drawn[i])).toBeLessThan(steps[form.precision ?? "f32"]);
        if (!form.precision) expect(Math.abs(w)).toBeGreaterThan(0);
      });
      expect(learn(rows).x).toEqual(unseen);
      expect(table.stats().rows).toBe(1);
    });
  });

  const optimizer: OptimizerSpec = optimizerSpecs.ftrl;

  it("changes nothing when scoring", () => {
    const shape = { encoding, optimizer, ...mixed };
    const { table, learn, score } = subjectOf(shape);
    const roll = dice(11);
    learn(randomRows(shape, keys.slice(0, 10), 6, roll));
    const before = copyOf(table.blocks());
    score(randomRows(shape, keys, CAPACITY, roll));
    expect(copyOf(table.blocks())).toEqual(before);
  });

  it("puts and removes rows of a serving table like a Map, through growth", () => {
    const shape = { encoding, optimizer, dim: 2, singles: 1, rows: encoding === "hash" ? 5000 : 0 };
    const spec = modelOf(shape);
    const id = fc
      .nat(4999)
      .map((n) => (encoding === "hash" ? BigInt(n) : BigInt.asUintN(64, BigInt(n) * 0x9e3779b97f4a7c15n)));
    const put = fc.record({ put: fc.uniqueArray(id, { maxLength: 400 }), w: fc.integer({ min: 1, max: 1000 }) });
    const remove = fc.record({ remove: fc.array(id, { maxLength: 400 }) });
    fc.assert(
      fc.property(fc.array(fc.oneof(put, remove), { minLength: 5, maxLength: 30 }), (steps) => {
        const { store } = new StoreTable(spec, 0, batchLayout(spec, 1), { serving: true });
        const fresh = new StoreTable(spec, 0, batchLayout(spec, 1), { serving: true }).store;
        const expected = new Map<bigint, number>();
        const seen = new Set<bigint>();
        for (const step of steps) {
          if ("remove" in step) {
            store.remove(BigUint64Array.from(step.remove));
            for (const key of step.remove) expected.delete(key);
            continue;
          }
          store.put({
            keys: BigUint64Array.from(step.put),
            weights: new Float32Array(step.put.length * 2).fill(step.w),
          });
          for (const key of step.put) seen.add(key) && expected.set(key, step.w);
        }
        if (store.rows !== expected.size) throw new Error(`${store.rows} rows, not ${expected.size}`);
        for (const key of seen) {
          const weights = [...store.weightsOf(key)];
          const w = expected.get(key);
          const right = w === undefined ? [...fresh.weightsOf(key)] : [w, w];
          if (weights.some((found, i) => found !== right[i])) throw new Error(`key ${key}: ${weights}, not ${right}`);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("gives zeros for an empty bag, without a gradient", () => {
    const shape = { encoding, optimizer: optimizerSpecs.sgd, bags: ["mean"] } as const;
    const { table, learn } = subjectOf(shape);
    expect([...learn([{ bags: [[]] }]).x]).toEqual([0, 0, 0, 0]);
    expect(table.stats().rows).toBe(0);
  });

  it("gives zeros for a bag whose weights have no mean, without a gradient for its rows", () => {
    const shape = { encoding, optimizer: optimizerSpecs.sgd, bags: ["mean"] } as const;
    const { reference, table, learn } = subjectOf(shape);
    const bag = [
      { key: keys[1], weight: 1 },
      { key: keys[2], weight: -1 },
    ];
    expect([...learn([{ bags: [bag] }]).x]).toEqual([0, 0, 0, 0]);
    expect([...table.store.weightsOf(keys[1])]).toEqual(drawWeights(reference.idOf(keys[1]), SEED, 0.05, 4));
  });

  it("looks up learned rows only", () => {
    const { table, learn, reference } = subjectOf({ encoding, optimizer, singles: 1 });
    learn([{ singles: [keys[1]] }]);
    const found = table.lookup(keys[1]);
    expect([...(found?.weights ?? [])]).toEqual(reference.weightsOf(keys[1]));
    expect(Object.keys(found?.state ?? {})).toEqual(["z", "n"]);
    expect([...(found?.state.n ?? [])]).toEqual(reference.rows.get(reference.idOf(keys[1]))?.n);
    expect(table.lookup(keys[2])).toBeNull();
  });

  it("exports the learned rows in chunks", () => {
    const { table, learn, reference } = subjectOf({ encoding, optimizer, singles: 1 });
    for (const key of keys.slice(0, 7)) learn([{ singles: [key] }]);
    const chunks = [...table.store.exportRows(3)];
    expect(chunks.map((chunk) => chunk.keys.length)).toEqual([3, 3, 1]);
    for (const { keys: found, weights } of chunks) {
      expect(weights.length).toBe(found.length * 4);
      found.forEach((key, i) => {
        expect([...weights.subarray(i * 4, i * 4 + 4)]).toEqual(reference.weightsOf(key));
      });
    }
  });

  it("exports rows of any width, more of them than the kernel takes at a time", () => {
    const { table, learn } = subjectOf({ encoding, optimizer, singles: 1, dim: 3, rows: 5000 });
    for (let key = 0n; key < 300n; key++) learn([{ singles: [key * 7n + 1n] }]);
    const chunks = [...table.store.exportRows(280)];
    expect(chunks.map((chunk) => [chunk.keys.length, chunk.weights.length])).toEqual([
      [280, 840],
      [20, 60],
    ]);
    for (const { keys: found, weights } of chunks)
      found.forEach((key, i) => {
        expect(weights.slice(i * 3, i * 3 + 3)).toEqual(table.lookup(key)!.weights);
      });
  });

  it("detects gradients that are not finite or too large to square", () => {
    const { table } = subjectOf({ encoding, optimizer, singles: 2, dim: 3 });
    const layout = batchLayout(modelOf({ encoding, optimizer, singles: 2, dim: 3 }), CAPACITY);
    table.gather(batchOf(layout, [{ singles: [1n, 2n] }]), "learn");
    table.gradient.fill(1);
    expect(table.gradientsFinite()).toBe(true);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2e15]) {
      for (let at = 0; at < table.width; at++) {
        table.gradient[at] = bad;
        expect(table.gradientsFinite()).toBe(false);
        table.gradient[at] = 1;
      }
    }
    table.gradient[table.width] = Number.NaN;
    expect(table.gradientsFinite()).toBe(true);
  });

  it("refuses to apply without a learning gather", () => {
    const { table, score } = subjectOf({ encoding, optimizer, singles: 1 });
    expect(() => table.apply()).toThrow(/without a learning gather/);
    score([{ singles: [1n] }]);
    expect(() => table.apply()).toThrow(/without a learning gather/);
  });

  it("refuses a batch larger than its capacity", () => {
    const shape = { encoding, optimizer, singles: 1 };
    const { table } = subjectOf(shape);
    const rows = Array.from({ length: CAPACITY + 1 }, () => ({ singles: [1n] }));
    const batch = batchOf(batchLayout(modelOf(shape), CAPACITY + 1), rows);
    expect(() => table.gather(batch, "learn")).toThrow(/a batch of 13 rows exceeds 12/);
  });

  it("fails if its batches do not fit in memory", () => {
    const model = modelOf({ encoding, optimizer, singles: 100, dim: 64 });
    for (const capacity of [2 ** 17, 2 ** 20]) {
      const make = () => new StoreTable(model, 0, batchLayout(model, capacity));
      expect(make).toThrow(expect.objectContaining({ code: "table_full" }));
    }
  });

  it("rejects a mismatching checkpoint, and stays unchanged", () => {
    const { table, learn } = subjectOf({ encoding, optimizer: optimizerSpecs.adam, singles: 1 });
    learn([{ singles: [keys[0]] }]);
    const before = copyOf(table.blocks());
    for (const name of before.keys()) {
      const missing = new Map(before);
      missing.delete(name);
      expect(() => table.restore(missing)).toThrow(expect.objectContaining({ code: "checkpoint_damaged" }));
      const short = new Map(before).set(name, { ...before.get(name)!, data: before.get(name)!.data.slice(1) });
      expect(() => table.restore(short)).toThrow(expect.objectContaining({ code: "checkpoint_damaged" }));
    }
    expect(copyOf(table.blocks())).toEqual(before);
  });
}
