import { describe, expect, it } from "vitest";
import { ExactStore } from "../../src/tables/exact-store.js";
import { servingPrecisions } from "../../src/tables/row-store.js";
import type { SharedStore } from "../../src/tables/sharing.js";
import { StagedRows } from "../../src/tables/staged-rows.js";
import fc from "../properties.js";

const DIM = 3;
const spec = {
  name: "ids",
  encoding: "exact",
  rows: 0,
  dim: DIM,
  init: 0.1,
  seed: "0000000000000007",
  optimizer: { kind: "sgd", learning_rate: 0.1 },
} as const;

const keys = (most: number) => fc.uniqueArray(fc.bigInt(0n, 400n), { maxLength: most });
const updates = fc.array(fc.record({ put: keys(300), again: keys(20), removed: keys(300) }), { maxLength: 3 });

describe.each(servingPrecisions)("rows held as %s", (servingPrecision) => {
  it("readers see all of an update or nothing, at each of its steps", () => {
    fc.assert(
      fc.property(keys(200), updates, (start, all) => {
        const stores = new Map<string, SharedStore>();
        const of = (sharing: ConstructorParameters<typeof ExactStore>[1]["sharing"]) =>
          new ExactStore(spec, { serving: true, servingPrecision, sharing });
        const owner = of({ role: "owner", readers: 1, stores });
        const reader = of({ role: "reader", reader: 0, stores });
        // The expected state, by `put` and `remove`.
        const plain = new ExactStore(spec, { serving: true, servingPrecision });
        let made = 0;
        const withWeights = (some: readonly bigint[]) => ({
          keys: BigUint64Array.from(some),
          weights: Float32Array.from({ length: some.length * DIM }, () => Math.sin(made++)),
        });
        const first = withWeights(start);
        owner.put(first);
        plain.put(first);
        const publish = () => {
          owner.sharing!.tell();
          reader.sharing!.refresh();
        };
        publish();
        const seen = (store: ExactStore) => Array.from({ length: 401 }, (_, key) => [...store.weightsOf(BigInt(key))]);
        for (const { put, again, removed } of all) {
          const gone = BigUint64Array.from(removed.filter((key) => !put.includes(key) && !again.includes(key)));
          const parts = [put, again].map((some) => ({ ...withWeights(some), removed: gone }));
          const before = seen(plain);
          const staged = new StagedRows(owner, parts);
          staged.begin();
          publish();
          for (const _ of staged.stage()) expect(seen(reader)).toEqual(before);
          staged.show();
          publish();
          for (const part of parts) plain.put(part);
          plain.remove(gone);
          const after = seen(plain);
          expect(seen(reader)).toEqual(after);
          for (const _ of staged.settle()) expect(seen(reader)).toEqual(after);
          publish();
          expect(seen(reader)).toEqual(after);
          expect(owner.rows).toBe(plain.rows);
          const sorted = (store: ExactStore) => [...store.exportRows()].flatMap((chunk) => [...chunk.keys]).sort();
          expect(sorted(owner)).toEqual(sorted(plain));
        }
      }),
      { numRuns: 20 },
    );
  });
});

it("an update that does not fit leaves everything unchanged", () => {
  const sharing = { role: "owner", readers: 1, stores: new Map() } as const;
  const store = new ExactStore(spec, { serving: true, sharing, memoryLimit: 1 << 20 });
  store.put({ keys: BigUint64Array.of(1n), weights: Float32Array.of(1, 2, 3) });
  const keys = BigUint64Array.from({ length: 100_000 }, (_, i) => BigInt(i));
  const part = { keys, weights: new Float32Array(keys.length * DIM), removed: new BigUint64Array(0) };
  expect(() => new StagedRows(store, [part])).toThrow(expect.objectContaining({ code: "table_full" }));
  expect([...store.weightsOf(1n)]).toEqual([1, 2, 3]);
  store.put({ keys: BigUint64Array.of(2n), weights: Float32Array.of(4, 5, 6) });
  expect([...store.weightsOf(2n)]).toEqual([4, 5, 6]);
});
