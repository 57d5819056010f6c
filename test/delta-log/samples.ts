import type { EntryFacts } from "../../src/delta-log/entry.js";
import type { ServingState } from "../../src/delta-log/state.js";
import fc from "../properties.js";

const finite = fc.float({ noNaN: true, noDefaultInfinity: true });
const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
const key = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const rows = fc
  .record({
    name,
    dim: fc.integer({ min: 1, max: 5 }),
    keys: fc.array(key, { maxLength: 9 }),
    removed: fc.array(key, { maxLength: 3 }),
  })
  .chain(({ name, dim, keys, removed }) =>
    fc.array(finite, { minLength: keys.length * dim, maxLength: keys.length * dim }).map((weights) => {
      return {
        name,
        dim,
        keys: BigUint64Array.from(keys),
        removed: BigUint64Array.from(removed),
        weights: Float32Array.from(weights),
      };
    }),
  );

const calibration = fc.array(fc.array(finite, { maxLength: 6 }), { minLength: 1, maxLength: 4 }).chain((curves) =>
  fc.record({
    keys: fc
      .array(key, { minLength: curves.length - 1, maxLength: curves.length - 1 })
      .map((keys) => BigUint64Array.from(keys)),
    names: fc.array(fc.string(), { maxLength: curves.length - 1 }),
    lengths: fc.constant(Uint32Array.from(curves, ({ length }) => length)),
    values: fc.constant(Float32Array.from(curves.flat())),
    totals: fc.constant(Float64Array.from({ length: curves.length * 5 }, (_, i) => i / 3)),
  }),
);

const parts = fc.record({
  tables: fc.array(rows, { maxLength: 3 }),
  dense: fc.array(
    fc.record({
      name,
      at: fc.nat(1000),
      data: fc.array(finite, { maxLength: 9 }).map((data) => Float32Array.from(data)),
    }),
    { maxLength: 3 },
  ),
  statistics: fc.option(
    fc
      .array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 9 })
      .map((data) => Float64Array.from(data)),
  ),
});

export const states: fc.Arbitrary<ServingState> = fc
  .tuple(parts, fc.option(calibration))
  .map(([state, calibration]) => (calibration ? { ...state, calibration } : state));

export const facts: fc.Arbitrary<EntryFacts> = fc
  .record({
    kind: fc.constantFrom("delta" as const, "snapshot" as const),
    run: fc.stringMatching(/^[0-9a-f]{16}$/),
    number: fc.nat(),
    link: fc.stringMatching(/^[0-9a-f]{16}$/),
    version: fc.maxSafeNat(),
    parts: fc.integer({ min: 1, max: 99 }),
    precision: fc.constant("f32" as const),
    times: fc.array(fc.nat(), { maxLength: 64 }),
    spec: fc.constantFrom(null, { name: "a model", seed: 1 }),
  })
  .chain((facts) => fc.nat(facts.parts - 1).map((part) => ({ ...facts, part })));
