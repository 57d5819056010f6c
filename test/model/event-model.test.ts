import { describe, expect, test } from "vitest";
import type { Block } from "../../src/core/blocks.js";
import { EventModel } from "../../src/model/event-model.js";
import type { OptimizerKind } from "../../src/optimizers/index.js";
import type { CompiledSpec, OptimizerSpec } from "../../src/spec/compiled.js";
import { constantKey } from "../../src/tables/batch-path.js";
import { Reference } from "./event-reference.js";
import { type Event, eventSpec, featuresOf, layoutOf, randomEvents, toBatch, wideOf, withWide } from "./events.js";

/** Every kind: the compiler says which is missing. */
const optimizers: Record<OptimizerKind | "ftrl, group lasso", OptimizerSpec> = {
  ftrl: { kind: "ftrl", alpha: 0.3, beta: 1, l1: 0.01, l2: 0.1, l21: 0 },
  "ftrl, group lasso": { kind: "ftrl", alpha: 0.3, beta: 1, l1: 0.001, l2: 0.1, l21: 0.01 },
  adagrad: { kind: "adagrad", learning_rate: 0.1, initial_accumulator: 0.1, epsilon: 1e-8 },
  rowwise_adagrad: { kind: "rowwise_adagrad", learning_rate: 0.1, initial_accumulator: 0.1, epsilon: 1e-8 },
  adam: { kind: "adam", learning_rate: 0.02, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  sgd: { kind: "sgd", learning_rate: 0.05 },
};
const optimizerNames = Object.keys(optimizers) as (keyof typeof optimizers)[];
const encodings = {
  "hash, 64 rows": { encoding: "hash", rows: 64 },
  "hash, 37 rows": { encoding: "hash", rows: 37 },
  exact: { encoding: "exact", rows: 0 },
} as const;

const BATCH = 32;
const bits = (x: ArrayLike<number>): number[] => [...new Uint32Array(Float32Array.from(x).buffer)];

function open(spec: CompiledSpec, capacity = BATCH): EventModel {
  return new EventModel(spec, { layout: layoutOf(spec, capacity) });
}

/** Learns in batches of `size`. @returns the logits of all events and the number skipped */
async function learnAll(
  model: EventModel,
  events: Event[],
  size = BATCH,
): Promise<{ logits: number[]; skipped: number }> {
  const layout = layoutOf(model.spec, BATCH);
  const logits: number[] = [];
  let skipped = 0;
  for (let i = 0; i < events.length; i += size) {
    const learned = await model.learn(toBatch(layout, events.slice(i, i + size)));
    logits.push(...learned.logits);
    skipped += learned.skipped;
  }
  return { logits, skipped };
}

async function predictAll(model: EventModel, events: Event[], size = BATCH): Promise<number[]> {
  const layout = layoutOf(model.spec, BATCH);
  const logits: number[] = [];
  for (let i = 0; i < events.length; i += size) {
    logits.push(...(await model.predict(toBatch(layout, events.slice(i, i + size)))));
  }
  return logits;
}

function referenceOf(spec: CompiledSpec, index = 0): Reference {
  const table = spec.tables[index];
  return new Reference({
    kind: index === 0 && spec.tower.kind === "fm" ? "fm" : "lr",
    factors: table.dim,
    optimizer: table.optimizer,
    seed: BigInt(`0x${table.seed}`),
    init: table.init,
    rows: table.encoding === "exact" ? null : BigInt(table.rows),
  });
}

const snapshot = (model: EventModel): Map<string, Block> =>
  new Map(model.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }]));
const sameBlocks = (a: Map<string, Block>, b: Map<string, Block>): boolean =>
  a.size === b.size &&
  [...a].every(([name, { data }]) => Buffer.compare(data, b.get(name)?.data ?? data.subarray(1)) === 0);

describe.each(["lr", "fm"] as const)("%s", (kind) => {
  const shape = kind === "lr" ? { dim: 1, init: 0.05 } : { dim: 6, init: 0.1 };

  describe.each(optimizerNames)("%s", (name) => {
    test.each(Object.keys(encodings) as (keyof typeof encodings)[])(
      "%s equals the scalar reference",
      async (encoding) => {
        const spec = eventSpec(kind, optimizers[name], { ...encodings[encoding], ...shape });
        const events = randomEvents(300, 5);
        const model = open(spec);
        const reference = referenceOf(spec);
        const { logits, skipped } = await learnAll(model, events);
        const expected = events.map((e) => reference.event(featuresOf(spec, e), e.label, e.importance));
        expect(bits(logits)).toEqual(bits(expected));
        expect(skipped).toBe(0);
        expect(new Set(logits.slice(-50)).size).toBeGreaterThan(40);
        for (const { key } of events.flatMap((e) => featuresOf(spec, e)).slice(0, 200)) {
          const weights = model.tables[0].store.weightsOf(key);
          expect(bits(weights)).toEqual(bits(reference.weightsOf(key).subarray(0, weights.length)));
        }
        const unseen = randomEvents(40, 6, 100);
        const scores = unseen.map((e) => reference.event(featuresOf(spec, e), null));
        expect(bits(await predictAll(model, unseen))).toEqual(bits(scores));
      },
    );
  });

  test.each(optimizerNames)(
    "%s: gradients of huge numbers and weights are clipped as in the reference",
    async (name) => {
      const spec = eventSpec(kind, optimizers[name], { encoding: "exact", rows: 0, ...shape });
      const events = randomEvents(200, 8).map((event, i): Event => {
        if (i % 20 === 3) return { ...event, numbers: [10 ** (1 + (i % 7)), event.numbers[1]] };
        if (i % 20 === 9) return { ...event, importance: 10 ** (i % 6) };
        return i % 20 === 15 ? { ...event, bags: [[{ key: 3n, weight: 1e4 }], [], []] } : event;
      });
      const model = open(spec);
      const reference = referenceOf(spec);
      const { logits, skipped } = await learnAll(model, events);
      const expected = events.map((e) => reference.event(featuresOf(spec, e), e.label, e.importance));
      expect(bits(logits)).toEqual(bits(expected));
      expect(skipped).toBe(reference.skipped);
    },
  );

  test.each(["hash", "exact"] as const)(
    "%s: prediction changes nothing, and a row's bits do not depend on its batch",
    async (encoding) => {
      const spec = eventSpec(kind, optimizers.ftrl, { ...shape, encoding, init: 0.1 });
      const model = open(spec);
      await learnAll(model, randomEvents(100, 1));
      const before = snapshot(model);
      const events = randomEvents(60, 2, 200);
      const together = await predictAll(model, events);
      expect(bits(await predictAll(model, events, 1))).toEqual(bits(together));
      expect(bits(await predictAll(model, events, 7))).toEqual(bits(together));
      expect(sameBlocks(before, snapshot(model))).toBe(true);
      for (const event of events.slice(0, 20)) {
        const fresh = open(spec);
        fresh.restore(before);
        const [predicted] = await predictAll(fresh, [event]);
        const { logits } = await learnAll(fresh, [event]);
        expect(bits(logits)).toEqual(bits([predicted]));
      }
    },
  );

  test("learning gives the same bytes for any batch boundaries, and after a restore", async () => {
    const spec = eventSpec(kind, optimizers.ftrl, { ...shape, encoding: "exact", rows: 0 });
    const events = randomEvents(200, 3, 500);
    const model = open(spec);
    const { logits } = await learnAll(model, events);
    for (const size of [1, 13]) {
      const other = open(spec);
      expect(bits((await learnAll(other, events, size)).logits)).toEqual(bits(logits));
      expect(sameBlocks(snapshot(model), snapshot(other))).toBe(true);
    }
    const half = open(spec);
    await learnAll(half, events.slice(0, 77), 11);
    const resumed = open(spec);
    resumed.restore(snapshot(half));
    await learnAll(resumed, events.slice(77));
    expect(sameBlocks(snapshot(model), snapshot(resumed))).toBe(true);
  });

  test.each(["hash", "exact"] as const)("%s: a long batch is learned like several short ones", async (encoding) => {
    const events = randomEvents(700, 3, 500);
    const alone = eventSpec(kind, optimizers.ftrl, { ...shape, encoding });
    for (const spec of [alone, withWide(alone, optimizers.ftrl)]) {
      const [long, short] = [open(spec, events.length), open(spec)];
      const { logits } = await long.learn(toBatch(layoutOf(spec, events.length), events));
      expect(bits(logits)).toEqual(bits((await learnAll(short, events)).logits));
      expect(sameBlocks(snapshot(long), snapshot(short))).toBe(true);
    }
  });

  test("an event that is not finite is skipped and counted; the model stays finite and equal to the reference", async () => {
    const spec = eventSpec(kind, optimizers.sgd, { ...shape, encoding: "exact" });
    const events = randomEvents(60, 4);
    const bad: Partial<Event>[] = [
      { importance: Number.POSITIVE_INFINITY },
      { importance: Number.NaN },
      { label: Number.NaN },
      { numbers: [Number.POSITIVE_INFINITY, 1] },
      { numbers: [3e38, 3e38] },
      { bags: [[{ key: 3n, weight: 1e25 }], [], []] },
    ];
    bad.forEach((change, i) => {
      events[10 + i * 5] = { ...events[10 + i * 5], ...change };
    });
    const model = open(spec);
    const reference = referenceOf(spec);
    const { logits, skipped } = await learnAll(model, events);
    const expected = events.map((e) => reference.event(featuresOf(spec, e), e.label, e.importance));
    expect(logits.map((x) => (Number.isNaN(x) ? "NaN" : x))).toEqual(
      expected.map((x) => (Number.isNaN(x) ? "NaN" : x)),
    );
    expect(skipped).toBe(reference.skipped);
    expect(skipped).toBeGreaterThanOrEqual(bad.length - 1);
    for (const { weights } of model.tables[0].store.exportRows()) expect(weights.every(Number.isFinite)).toBe(true);
    expect((await predictAll(model, randomEvents(20, 8))).every(Number.isFinite)).toBe(true);
  });
});

describe.each(["lr", "fm"] as const)("%s and a wide part", (kind) => {
  const shape = kind === "lr" ? { dim: 1, init: 0.05 } : { dim: 6, init: 0.1 };
  /** The logits of two references that learn from one error. */
  const expectedOf = (spec: CompiledSpec, events: readonly Event[]) => {
    const [main, wide] = [referenceOf(spec), referenceOf(spec, 1)];
    const logits = events.map((e) => {
      const beside = { reference: wide, features: featuresOf(spec, wideOf(e), 1) };
      return main.event(featuresOf(spec, e), e.label, e.importance, beside);
    });
    return { logits, main, wide };
  };

  describe.each(["exact", "hash, 64 rows"] as const)("%s", (encoding) => {
    test.each([
      ["ftrl", "ftrl", 32],
      ["ftrl", "ftrl", 37],
      ["adagrad", "ftrl", 32],
      ["sgd", "adam", 37],
    ] as const)("%s beside %s of %i rows equals the scalar references", async (optimizer, beside, rows) => {
      const base = eventSpec(kind, optimizers[optimizer], { ...encodings[encoding], ...shape });
      const spec = withWide(base, optimizers[beside], rows);
      const events = randomEvents(300, 5).map((event, i): Event => {
        if (i % 50 === 3) return { ...event, numbers: [10 ** (1 + (i % 7)), event.numbers[1]] };
        return i % 50 === 9 ? { ...event, importance: 10 ** (i % 6) } : event;
      });
      const model = open(spec);
      const expected = expectedOf(spec, events);
      expect(bits((await learnAll(model, events)).logits)).toEqual(bits(expected.logits));
      for (const [t, reference] of [expected.main, expected.wide].entries()) {
        const seen = events.slice(0, 20).flatMap((event) => featuresOf(spec, t === 0 ? event : wideOf(event), t));
        for (const { key } of seen) {
          const weights = model.tables[t].store.weightsOf(key);
          expect(bits(weights)).toEqual(bits(reference.weightsOf(key).subarray(0, weights.length)));
        }
      }
      expect(bits((await learnAll(open(base), events)).logits)).not.toEqual(bits(expected.logits));
    });
  });

  test("an event that one of them cannot learn is learned by neither", async () => {
    const spec = withWide(eventSpec(kind, optimizers.sgd, { ...shape, encoding: "exact" }), optimizers.sgd);
    const events = randomEvents(40, 4);
    events[10] = { ...events[10], label: 0.5, numbers: [3e38, 1] }; // in both
    events[20] = { ...events[20], label: 0.5, numbers: [1, 3e38] }; // only in the main table
    events[30] = { ...events[30], importance: Number.NaN };
    const model = open(spec);
    const wide = (blocks: Map<string, Block>) => [...blocks].filter(([name]) => name.startsWith("table/wide/"));
    for (const [i, event] of events.entries()) {
      const before = snapshot(model);
      const { skipped } = await learnAll(model, [event]);
      expect(skipped).toBe(Number([10, 20, 30].includes(i)));
      if (skipped) expect(wide(snapshot(model))).toEqual(wide(before));
    }
    for (const { store } of model.tables)
      for (const { weights } of store.exportRows()) expect(weights.every(Number.isFinite)).toBe(true);
  });

  test("learns the same bytes for any batch boundaries and after a restore; predicts what it would learn from", async () => {
    const spec = withWide(eventSpec(kind, optimizers.ftrl, { ...shape, encoding: "exact" }), optimizers.ftrl);
    const events = randomEvents(120, 3, 500);
    const [model, half, resumed] = [open(spec), open(spec), open(spec)];
    const { logits } = await learnAll(model, events);
    await learnAll(half, events.slice(0, 41), 7);
    resumed.restore(snapshot(half));
    expect(bits(await predictAll(resumed, [events[41]]))).toEqual(bits([logits[41]]));
    await learnAll(resumed, events.slice(41));
    expect(sameBlocks(snapshot(model), snapshot(resumed))).toBe(true);
  });
});

const plain = { label: 1, importance: 1, bags: [[], [], []], numbers: [Number.NaN, 0] };

describe("computed by hand", () => {
  test("lr with sgd: two events", async () => {
    const spec = eventSpec("lr", { kind: "sgd", learning_rate: 0.5 }, { encoding: "exact", rows: 0 }, 1);
    const model = open(spec);
    const { logits } = await learnAll(model, [
      { ...plain, singles: [7n], numbers: [2, 0] },
      { ...plain, label: 0, importance: 3, singles: [7n], numbers: [-1, 0] },
    ]);
    // All weights 0: p = 1/2, g = -1/2. Then w = 0.25, number's w = 0.25 * 2, bias 0.25: logit = 0.25 - 0.5 + 0.25.
    expect(logits).toEqual([0, 0]);
    const weight = (key: bigint) => model.tables[0].store.weightsOf(key)[0];
    const [number, , bias] = spec.tables[0].cells.slice(-3).map(constantKey);
    // Second event: g = 1.5; w -= 0.75; number's w += 0.75.
    expect([weight(7n), weight(number), weight(bias)]).toEqual([-0.5, 1.25, -0.5]);
    expect(model.tables[0].stats().rows).toBe(3);
  });

  test("a missing or zero number is absent: no row, no update", async () => {
    const spec = eventSpec("lr", optimizers.adam, { encoding: "exact", rows: 0 }, 1);
    const model = open(spec);
    await learnAll(model, [{ ...plain, singles: [7n] }]);
    expect(model.tables[0].stats().rows).toBe(2);
    const [u, v] = spec.tables[0].cells.slice(-3).map(constantKey);
    expect([model.tables[0].lookup(u), model.tables[0].lookup(v)]).toEqual([null, null]);
  });

  test("fm with sgd: gradients are those of finite differences", async () => {
    const rate = 1 / 1024;
    const spec = eventSpec(
      "fm",
      { kind: "sgd", learning_rate: rate },
      { encoding: "exact", rows: 0, dim: 3, init: 0.5 },
      3,
    );
    const event = { ...randomEvents(1, 12, 1e6, 3)[0], label: 1, importance: 1 };
    const features = featuresOf(spec, event);
    const model = open(spec);
    const rows = features.map(({ key }) => [...model.tables[0].store.weightsOf(key)]);
    const loss = (weights: number[][]) => {
      let logit = 0;
      weights.forEach((row, i) => {
        logit += row[3] * features[i].x;
        for (let j = 0; j < i; j++) {
          for (let k = 0; k < 3; k++) logit += row[k] * weights[j][k] * features[i].x * features[j].x;
        }
      });
      return Math.log1p(Math.exp(-logit));
    };
    const { logits } = await learnAll(model, [event]);
    expect(Math.log1p(Math.exp(-logits[0]))).toBeCloseTo(loss(rows), 5);
    expect(new Set(features.map(({ key }) => key)).size).toBe(features.length);
    features.forEach(({ key }, i) => {
      const learned = model.tables[0].store.weightsOf(key);
      for (let k = 0; k < 4; k++) {
        const moved = (step: number) =>
          loss(rows.map((row, j) => row.map((w, m) => (j === i && m === k ? w + step : w))));
        const slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        expect((rows[i][k] - learned[k]) / rate).toBeCloseTo(slope, 3);
      }
    });
  });

  test("fm: the linear weight starts at 0 and is the last column of the table", async () => {
    const spec = eventSpec("fm", optimizers.ftrl, { encoding: "exact", rows: 0, dim: 4, init: 0.5 }, 1);
    const model = open(spec);
    const initial = model.tables[0].store.weightsOf(7n);
    expect(initial.length).toBe(5);
    expect(initial.subarray(0, 4).every((v) => v !== 0 && Math.abs(v) < 0.5)).toBe(true);
    expect(initial[4]).toBe(0);
    await learnAll(model, [{ ...plain, singles: [7n] }]);
    expect(model.tables[0].store.weightsOf(7n)[4]).toBeGreaterThan(0);
  });
});

describe("FTRL through the lr path (research/algorithms.md 1.3: hand-computed g sequences)", () => {
  // With an event of one feature, g = (p - y) * importance; the importance that makes g equal the golden vector's
  // follows from the event's own prediction.
  test.each([
    { l1: 0, l2: 0, weights: [-0.033333333, -0.014383115, -0.05458514, -0.049572577, -0.052077282], z: 1.039589072 },
    { l1: 0.4, l2: 1, weights: [-0.00625, 0, -0.028957324, -0.024184026, -0.026569246], z: 0.956955935 },
  ])("l1 $l1, l2 $l2", async ({ l1, l2, weights, z }) => {
    const spec = eventSpec(
      "lr",
      { kind: "ftrl", alpha: 0.1, beta: 1, l1, l2, l21: 0 },
      { encoding: "exact", rows: 0 },
      1,
    );
    const model = open(spec);
    const gradients = [0.5, -0.3, 0.8, -0.1, 0.05];
    for (const [i, g] of gradients.entries()) {
      const [logit] = await predictAll(model, [{ ...plain, singles: [7n] }]);
      const p = 1 / (1 + Math.exp(-logit));
      const label = g < 0 ? 1 : 0;
      await learnAll(model, [{ ...plain, label, importance: g / (p - label), singles: [7n] }]);
      expect(model.tables[0].store.weightsOf(7n)[0]).toBeCloseTo(weights[i], 7);
    }
    const state = model.tables[0].lookup(7n)?.state;
    expect(state?.z[0]).toBeCloseTo(z, 6);
    expect(state?.n[0]).toBeCloseTo(0.9925, 6);
  });
});

test.each([4096, 1021])(
  "of %d rows those learned are marked and counted, however often changes were read",
  async (rows) => {
    const spec = eventSpec("lr", optimizers.ftrl, { encoding: "hash", rows });
    const [model, tracked] = [open(spec), open(spec)];
    const { store } = tracked.tables[0];
    const changes = store.changes();
    const changed = new Set<number>();
    const events = randomEvents(400, 11, 3000);
    events[33] = { ...events[33], importance: Number.NaN };
    for (let i = 0; i < events.length; i += BATCH) {
      for (const each of [model, tracked]) await learnAll(each, events.slice(i, i + BATCH));
      for (const row of i % 3 === 0 ? changes.take() : []) changed.add(row);
      expect(model.tables[0].store.rows).toBe(store.rows);
    }
    for (const row of changes.take()) changed.add(row);
    const blocks = snapshot(model);
    expect(sameBlocks(blocks, snapshot(tracked))).toBe(true);
    const state = new BigUint64Array(blocks.get("table/weights/state")!.data.buffer);
    const learned = [...state.keys()].filter((row) => state[row] !== 0n);
    const { data } = blocks.get("table/weights/touched")!;
    expect([...state.keys()].filter((row) => (data[row >> 3] >> (row & 7)) & 1)).toEqual(learned);
    expect([...changed].sort((a, b) => a - b)).toEqual(learned);
    expect(store.rows).toBe(learned.length);
  },
);

test("a table without room for a batch's new keys reports it", async () => {
  const spec = eventSpec("lr", optimizers.ftrl, { encoding: "exact", rows: 0 });
  const model = open(spec);
  model.tables[0].store.kernel.setLimit(model.tables[0].store.memory.buffer.byteLength);
  const many = async () => {
    for (let i = 0; i < 2000; i++) await learnAll(model, randomEvents(BATCH, i, 1e9));
  };
  await expect(many()).rejects.toMatchObject({ code: "table_full" });
});
