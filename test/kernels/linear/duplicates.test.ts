import { expect, test } from "vitest";
import { EventModel } from "../../../src/model/event-model.js";
import { Reference } from "../../model/event-reference.js";
import { eventSpec, featuresOf, layoutOf, toBatch } from "../../model/events.js";
import fc from "../../properties.js";

const FTRL = { kind: "ftrl", alpha: 0.3, beta: 1, l1: 0.01, l2: 0.1, l21: 0 } as const;
const plain = { importance: 1, bags: [[], [], []], numbers: [Number.NaN, 0] };

/** Learns events whose singles are these rows; the bits of every logit and of the rows' weights, model and reference. */
async function compare(rows: readonly (readonly number[])[], tableRows: number): Promise<[number[], number[]]> {
  const spec = eventSpec("lr", FTRL, { encoding: "hash", rows: tableRows, init: 0.1 }, rows[0].length);
  const layout = layoutOf(spec, rows.length);
  const events = rows.map((singles, r) => ({ ...plain, label: r % 2, singles: singles.map(BigInt) }));
  const model = new EventModel(spec, { layout });
  const { logits } = await model.learn(toBatch(layout, events));
  const seed = BigInt(`0x${spec.tables[0].seed}`);
  const reference = new Reference({
    kind: "lr",
    factors: 1,
    optimizer: FTRL,
    seed,
    init: 0.1,
    rows: BigInt(tableRows),
  });
  const expected = events.map((event) => reference.event(featuresOf(spec, event), event.label));
  const keys = [...new Set(rows.flat())].map(BigInt);
  return [
    [...logits, ...keys.map((key) => model.tables[0].store.weightsOf(key)[0])],
    [...expected, ...keys.map((key) => reference.weightsOf(key)[0])],
  ];
}

// The four-at-a-time path treats a row that occurs twice in a group of four, and twice in different groups, each in its own way.
test.each([
  ["neighbours", [1, 1, 2, 3, 4, 5, 6, 7, 8]],
  ["first and third", [1, 2, 1, 3, 4, 5, 6, 7, 8]],
  ["first and last of a group", [1, 2, 3, 1, 4, 5, 6, 7, 8]],
  ["the whole group", [1, 1, 1, 1, 4, 5, 6, 7, 8]],
  ["neighbouring groups", [1, 2, 3, 4, 4, 5, 6, 7, 8]],
  ["first and last of the event", [1, 2, 3, 4, 5, 6, 7, 8, 1]],
  ["everywhere", [1, 1, 1, 1, 1, 1, 1, 1, 1]],
])("a row twice in one event: %s", async (_, rows) => {
  for (const tableRows of [64, 63]) {
    const [got, expected] = await compare([rows, rows, rows], tableRows);
    expect(got).toEqual(expected);
  }
});

test("any rows, any number of features, new and known rows", async () => {
  const events = fc.integer({ min: 1, max: 13 }).chain((n) =>
    fc.array(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: n, maxLength: n }), {
      minLength: 1,
      maxLength: 20,
    }),
  );
  await fc.assert(
    fc.asyncProperty(events, fc.constantFrom(16, 19, 32), async (rows, tableRows) => {
      const [got, expected] = await compare(rows, tableRows);
      expect(got).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});
