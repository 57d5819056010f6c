import { describe, expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import { StoreTable } from "../../src/tables/table.js";
import { optimizerSpecs } from "../optimizers/specs.js";
import fc from "../properties.js";
import { mix } from "./reference.js";
import { batchOf, modelOf, SEED } from "./samples.js";
import { copyOf, type Subject, subjectOf, tableContract } from "./table.contract.js";

const sgd = { encoding: "exact", optimizer: optimizerSpecs.sgd, singles: 1, dim: 4 } as const;
const TOP = 2n ** 64n - 1n;

/** A table for batches of 1000 rows of one cell. */
function wideTable(options = {}): { table: StoreTable; learn: (keys: readonly bigint[]) => void } {
  const model = modelOf(sgd);
  const layout = batchLayout(model, 1000);
  const table = new StoreTable(model, 0, layout, options);
  const learn = (keys: readonly bigint[]): void => {
    table.gather(
      batchOf(
        layout,
        keys.map((key) => ({ singles: [key] })),
      ),
      "learn",
    );
  };
  return { table, learn };
}

function learnAll(learn: (keys: readonly bigint[]) => void, keys: readonly bigint[]): void {
  for (let at = 0; at < keys.length; at += 1000) learn(keys.slice(at, at + 1000));
}

function expectRowsInOrder(table: StoreTable, keys: readonly bigint[]): void {
  expect(table.stats().rows).toBe(keys.length);
  keys.forEach((key, row) => {
    if (table.lookup(key)?.row !== row) expect(table.lookup(key)?.row).toBe(row);
  });
}

describe("an exact table", () => {
  tableContract("exact");

  it("assigns rows in the order of the keys, through repeated growth", () => {
    const { table, learn } = wideTable();
    const keys = Array.from({ length: 50_000 }, (_, i) => mix(BigInt(i)));
    learnAll(learn, keys);
    expectRowsInOrder(table, keys);
    expect(table.lookup(mix(50_000n))).toBeNull();
  });

  it("keeps weights when it grows", () => {
    const subject = subjectOf({ ...sgd, optimizer: optimizerSpecs.adam });
    for (let i = 0; i < 2000; i++) subject.learn([{ singles: [BigInt(i)] }, { singles: [BigInt(i >> 3)] }]);
    for (let i = 0; i < 2000; i++) {
      const key = BigInt(i);
      expect([...subject.table.store.weightsOf(key)]).toEqual(subject.reference.weightsOf(key));
    }
  });

  it.each([
    ["sequential", (i: number) => BigInt(i)],
    ["counting down from the largest", (i: number) => TOP - BigInt(i)],
    ["multiples of 2^48", (i: number) => (BigInt(i) << 48n) & TOP],
    ["one bit apart", (i: number) => (i < 64 ? 1n << BigInt(i) : (BigInt(i) << 32n) | 1n)],
  ])("finds keys that are %s", (_, keyOf) => {
    const { table, learn } = wideTable();
    const keys = Array.from({ length: 5000 }, (_, i) => keyOf(i));
    learnAll(learn, keys);
    expectRowsInOrder(table, keys);
  });

  it("finds keys that share a group of the index and a tag", () => {
    const { table, learn } = wideTable();
    // The index hash is the splitmix64 finaliser of key ^ seed: invert it for hashes that differ only in bits 32..44.
    const keys = Array.from({ length: 3000 }, (_, i) => unmix((BigInt(i) << 32n) | 5n) ^ SEED);
    learnAll(learn, keys);
    expectRowsInOrder(table, keys);
    expect(table.lookup(unmix(3000n << 32n) ^ SEED)).toBeNull();
  });

  it("supports the smallest and the largest key", () => {
    const { table, learn } = wideTable();
    learn([0n, TOP, 0n, TOP]);
    expectRowsInOrder(table, [0n, TOP]);
  });

  it("uses little more memory than its keys and rows", () => {
    const { table, learn } = wideTable();
    const { stride } = table.layout;
    for (let n = 0; n < 60; n++) {
      learn(Array.from({ length: 1000 }, (_, i) => mix(BigInt(n * 1000 + i))));
      const { rows, capacity, bytes } = table.stats();
      expect(rows).toBe((n + 1) * 1000);
      expect(capacity).toBeLessThanOrEqual(rows + rows / 16 + 1000);
      // Between two doublings a key has 66/10 to 2 · 66/10 bytes in the index and the bitmap of changes.
      expect(bytes - capacity * stride).toBeLessThanOrEqual(rows * 13.2 + 128);
      expect(bytes - capacity * stride).toBeGreaterThanOrEqual(rows * 6.6);
    }
  });

  it("reports that it is full before any change", () => {
    const { table, learn } = wideTable({ memoryLimit: 2 ** 20 });
    let known: bigint[] = [];
    const fill = (): void => {
      for (;;) {
        const keys = Array.from({ length: 500 }, (_, i) => mix(BigInt(known.length + i)));
        learn(keys);
        known = [...known, ...keys];
      }
    };
    expect(fill).toThrow(
      expect.objectContaining({ code: "table_full", hint: expect.stringContaining("encoding: hash") }),
    );
    expect(known.length).toBeGreaterThan(5000);
    expect(table.store.memory.buffer.byteLength).toBeLessThanOrEqual(2 ** 20);
    expectRowsInOrder(table, known);
    const before = copyOf(table.blocks());
    expect(() => learn(Array.from({ length: 1000 }, (_, i) => BigInt(i)))).toThrow(/table ids/);
    expect(copyOf(table.blocks())).toEqual(before);
    learn(known.slice(0, 1000));
    expectRowsInOrder(table, known);
  });

  it("has the same bytes whatever capacity was reserved", () => {
    const tables = [0, 5000].map((rows) => subjectOf({ ...sgd, rows }));
    for (const { learn } of tables) for (let i = 0; i < 300; i++) learn([{ singles: [mix(BigInt(i))] }]);
    expect(copyOf(tables[1].table.blocks())).toEqual(copyOf(tables[0].table.blocks()));
    expect(tables[1].table.stats().capacity).toBe(5000);
  });

  it.each(Object.keys(optimizerSpecs))("initialises fresh rows over older state, with %s", (name) => {
    const shape = { ...sgd, dim: 3, optimizer: optimizerSpecs[name] };
    const [used, fresh] = [subjectOf(shape), subjectOf(shape)];
    const empty = copyOf(used.table.blocks());
    for (let i = 0; i < 5; i++) used.learn([{ singles: [BigInt(i)] }]);
    used.table.restore(empty);
    for (const { table } of [used, fresh]) {
      table.gather(batchOf(batchLayout(modelOf(shape), 3), [{ singles: [10n] }, { singles: [11n] }]), "learn");
      table.gradient.fill(0.5);
      table.apply();
    }
    expect(copyOf(used.table.blocks())).toEqual(copyOf(fresh.table.blocks()));
  });

  it("behaves like a Map under any sequence of commands", () => {
    const key = fc.oneof(
      fc.bigInt({ min: 0n, max: 30n }),
      fc.constantFrom(TOP, TOP - 1n),
      fc.bigInt({ min: 0n, max: TOP }),
    );
    const commands = fc.commands([
      fc.array(key, { minLength: 1, maxLength: 12 }).map((keys) => new Learn(keys)),
      key.map((k) => new Lookup(k)),
      fc.constant(new SaveAndRestore()),
    ]);
    fc.assert(
      fc.property(commands, (run) => {
        fc.modelRun(() => ({ model: { order: [] }, real: { subject: subjectOf(sgd) } }), run);
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});

interface Order {
  order: bigint[];
}
interface Real {
  subject: Subject;
}
type Command = fc.Command<Order, Real>;

class Learn implements Command {
  readonly keys: readonly bigint[];
  constructor(keys: readonly bigint[]) {
    this.keys = keys;
  }
  check = (): boolean => true;
  run(model: Order, { subject }: Real): void {
    const { x, expected } = subject.learn(this.keys.map((key) => ({ singles: [key] })));
    expect(x).toEqual(expected);
    for (const key of this.keys) if (!model.order.includes(key)) model.order.push(key);
    expect(subject.table.stats().rows).toBe(model.order.length);
  }
  toString = (): string => `learn(${this.keys})`;
}

class Lookup implements Command {
  readonly key: bigint;
  constructor(key: bigint) {
    this.key = key;
  }
  check = (): boolean => true;
  run(model: Order, { subject }: Real): void {
    const row = model.order.indexOf(this.key);
    expect(subject.table.lookup(this.key)?.row ?? -1).toBe(row);
    expect([...subject.table.store.weightsOf(this.key)]).toEqual(subject.reference.weightsOf(this.key));
  }
  toString = (): string => `lookup(${this.key})`;
}

class SaveAndRestore implements Command {
  check = (): boolean => true;
  run(_: Order, real: Real): void {
    const { table } = subjectOf(sgd);
    table.restore(copyOf(real.subject.table.blocks()));
    expect(copyOf(table.blocks())).toEqual(copyOf(real.subject.table.blocks()));
    real.subject.table.restore(copyOf(table.blocks()));
  }
  toString = (): string => "save and restore";
}

/** The inverse of splitmix64's finaliser. */
function unmix(y: bigint): bigint {
  const unshift = (x: bigint, by: bigint): bigint => {
    let out = x;
    for (let i = 0; i < 64; i++) out = x ^ (out >> by);
    return out;
  };
  let x = unshift(y, 31n);
  x = (x * 0x319642b2d24d8ec3n) & TOP;
  x = unshift(x, 27n);
  x = (x * 0x96de1b173f119089n) & TOP;
  return unshift(x, 30n);
}
