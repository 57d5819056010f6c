import { describe, expect, test } from "vitest";
import { EventModel } from "../../src/model/event-model.js";
import type { CompiledSpec, OptimizerSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";
import { type Event, eventSpec, featuresOf, layoutOf, randomEvents, toBatch, wideOf, withWide } from "./events.js";

const FIELDS = 10; // five singles, three bags, two numbers
const ftrl: OptimizerSpec = { kind: "ftrl", alpha: 0.3, beta: 1, l1: 0.01, l2: 0.1, l21: 0 };
const adagrad: OptimizerSpec = { kind: "adagrad", learning_rate: 0.1, initial_accumulator: 0.1, epsilon: 1e-8 };

function specOf(k: number, optimizer: OptimizerSpec, encoding: "hash" | "exact" = "exact"): CompiledSpec {
  const table = { encoding, rows: encoding === "hash" ? 37 : 0, dim: k * (FIELDS - 1), init: 0.3 };
  return eventSpec("ffm", optimizer, table);
}

const open = (spec: CompiledSpec) => new EventModel(spec, { layout: layoutOf(spec, 32) });

async function learn(model: EventModel, events: readonly Event[]): Promise<number[]> {
  const layout = layoutOf(model.spec, 32);
  const logits: number[] = [];
  for (let i = 0; i < events.length; i += 32)
    logits.push(...(await model.learn(toBatch(layout, events.slice(i, i + 32)))).logits);
  return logits;
}

/** The field of each feature; that of the bias comes after all others. */
function fieldsOf(event: Event): number[] {
  const bags = event.bags.flatMap((bag, b) => bag.map(() => 5 + b));
  const numbers = event.numbers.flatMap((x, i) => (x === 0 || Number.isNaN(x) ? [] : [8 + i]));
  return [...event.singles.map((_, i) => i), ...bags, ...numbers, FIELDS];
}

/** Juan et al.'s formula over all pairs of features of different fields; `size`: the same over the terms' absolute values. */
function formula(rows: readonly number[][], xs: readonly number[], fields: readonly number[], k: number) {
  const vector = (i: number, field: number) => {
    const at = (field > fields[i] ? field - 1 : field) * k;
    return rows[i].slice(at, at + k);
  };
  const terms = rows.map((row, i) => row[(FIELDS - 1) * k] * xs[i]);
  rows.forEach((_, i) => {
    for (let j = 0; j < i; j++) {
      if (fields[i] === fields[j] || fields[i] === FIELDS) continue;
      const b = vector(j, fields[i]);
      vector(i, fields[j]).forEach((v, n) => {
        terms.push(v * b[n] * xs[i] * xs[j]);
      });
    }
  });
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b);
  return { logit: sum(terms), size: sum(terms.map(Math.abs)) };
}

describe.each([2, 4, 8])("ffm of %i factors", (k) => {
  const rowsOf = (model: EventModel, event: Event) =>
    featuresOf(model.spec, event).map(({ key }) => [...model.tables[0].store.weightsOf(key)]);

  test.each([
    ["ftrl", ftrl],
    ["adagrad", adagrad],
  ] as const)("%s: every logit equals the formula, with rows as they were before the event", async (_, optimizer) => {
    const model = open(specOf(k, optimizer, "hash"));
    for (const event of randomEvents(60, 5)) {
      const xs = featuresOf(model.spec, event).map(({ x }) => x);
      const { logit: expected, size } = formula(rowsOf(model, event), xs, fieldsOf(event), k);
      const [predicted] = await model.predict(toBatch(layoutOf(model.spec, 32), [event]));
      const [logit] = await learn(model, [event]);
      expect(Math.abs(logit - expected)).toBeLessThan(1e-6 * size);
      expect(logit).toBe(predicted);
    }
  });

  test("gradients are those of finite differences", async () => {
    const model = open(specOf(k, { kind: "sgd", learning_rate: 1 }));
    const event = { ...randomEvents(1, 12, 1e6)[0], label: 1, importance: 1 };
    const features = featuresOf(model.spec, event);
    const rows = rowsOf(model, event);
    const xs = features.map(({ x }) => x);
    const loss = (weights: number[][]) => Math.log1p(Math.exp(-formula(weights, xs, fieldsOf(event), k).logit));
    await learn(model, [event]);
    features.forEach(({ key }, i) => {
      const learned = model.tables[0].store.weightsOf(key);
      for (let n = 0; n < rows[i].length; n++) {
        const moved = (step: number) =>
          loss(rows.map((row, j) => row.map((w, m) => (j === i && m === n ? w + step : w))));
        expect(rows[i][n] - learned[n]).toBeCloseTo((moved(1e-5) - moved(-1e-5)) / 2e-5, 6);
      }
    });
  });

  test("adds the sum of the weights of a wide part", async () => {
    const model = open(withWide(specOf(k, ftrl), ftrl));
    for (const event of randomEvents(40, 5)) {
      const { logit, size } = formula(
        rowsOf(model, event),
        featuresOf(model.spec, event).map(({ x }) => x),
        fieldsOf(event),
        k,
      );
      const wide = featuresOf(model.spec, wideOf(event), 1).map(
        ({ key, x }) => x * model.tables[1].store.weightsOf(key)[0],
      );
      const [learned] = await learn(model, [event]);
      expect(Math.abs(learned - wide.reduce((a, b) => a + b, logit))).toBeLessThan(1e-6 * (size + 1));
    }
    expect(model.tables[1].store.rows).toBeGreaterThan(10);
  });

  test("learns the same bytes for any batch boundaries, and after a restore", async () => {
    const spec = specOf(k, adagrad);
    const events = randomEvents(96, 3, 500);
    const whole = open(spec);
    await learn(whole, events);
    const half = open(spec);
    for (const event of events.slice(0, 41)) await learn(half, [event]);
    const resumed = open(spec);
    resumed.restore(new Map(half.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }])));
    await learn(resumed, events.slice(41));
    expect(resumed.blocks().map(({ data }) => Buffer.from(data))).toEqual(
      whole.blocks().map(({ data }) => Buffer.from(data)),
    );
  });
});

describe("ffm in a spec", () => {
  const text = (fields: number, dim: number) =>
    `name: a\nevents: { format: json }\nfields:\n${Array.from({ length: fields }, (_, i) => `  - { name: f${i}, type: categorical, table: t }\n`).join("")}tables: { t: { dim: ${dim} } }\ntower: ffm\n`;

  test("has a vector for each other field", () => {
    expect(parseSpec(text(5, 4), "a.yaml").tables[0]).toMatchObject({ dim: 16, init: 0.05 });
  });

  test.each([
    [1, 4, /requires at least two fields, got one/],
    [5, 3, /must be 2 or a multiple of 4 for ffm, got 3/],
    [10, 456, /tables\.t\.dim: 456 factors for each of 9 other fields exceed 4096 per row/],
  ])("of %i fields and dim %i is refused", (fields, dim, message) => {
    expect(() => parseSpec(text(fields, dim), "a.yaml")).toThrow(message);
  });
});
