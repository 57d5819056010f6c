import { Batch, type BatchLayout, batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import type { Combiner, CompiledSpec, CompiledTable, OptimizerSpec } from "../../src/spec/compiled.js";
import { constantKey } from "../../src/tables/batch-path.js";
import { noKnobs } from "../../src/towers/first-knobs.js";
import type { Feature } from "./event-reference.js";

/** A small lr or fm model with every kind of cell, events for it, and the events' features. */

export const MAX_LENGTH = 5;
const COMBINERS: readonly Combiner[] = ["sum", "mean", "sqrtn"];

export function eventSpec(
  kind: "lr" | "fm" | "ffm",
  optimizer: OptimizerSpec,
  table: Partial<Pick<CompiledTable, "encoding" | "rows" | "dim" | "init">> = {},
  singles = 5,
): CompiledSpec {
  const names = Array.from({ length: singles }, (_, i) => `c${i}`);
  const cell = (field: string, kind: "single" | "bag" | "number" | "bias") => ({
    field,
    kind,
    seed: "00000000000000aa",
  });
  return {
    name: "events",
    seed: 1,
    batch: 64,
    window: 1000,
    events: { format: "json", columns: [], header: false, separator: "\t" },
    label: { from: "y", positive: { at_least: 1 }, weight: null, time: null, id: null, oracle: null },
    fields: [
      ...names.map((name) => ({ type: "categorical" as const, name, from: name })),
      ...COMBINERS.map((combiner) => {
        return {
          type: "bag" as const,
          name: combiner,
          from: combiner,
          separator: " ",
          combiner,
          max_length: MAX_LENGTH,
        };
      }),
      ...["u", "v"].map((name) => ({
        type: "numeric" as const,
        name,
        from: name,
        transform: "raw" as const,
        missing: 0,
      })),
    ],
    tables: [
      {
        name: "weights",
        role: "embedding",
        encoding: "hash",
        rows: 64,
        dim: 1,
        init: 0,
        seed: "0123456789abcdef",
        ...table,
        optimizer,
        cells: [
          ...names.map((name) => cell(name, "single")),
          ...COMBINERS.map((name) => cell(name, "bag")),
          ...["u", "v"].map((name) => cell(name, "number")),
          cell("(bias)", "bias"),
        ],
      },
    ],
    numbers: ["u", "v"],
    tower: {
      kind,
      ...noKnobs,
      optimizer,
      runtime: "onnxruntime",
    },
  };
}

export interface Event {
  readonly label: number;
  readonly importance: number;
  readonly singles: readonly bigint[];
  readonly bags: readonly (readonly { key: bigint; weight: number }[])[];
  readonly numbers: readonly number[];
}

/** Random events over `ids` distinct ids, so that ids repeat within events. */
export function randomEvents(count: number, seed: number, ids = 30, singles = 5): Event[] {
  const rng = new Rng(seed);
  const id = () => (BigInt(rng.below(ids)) * 0x9e3779b97f4a7c15n) & ((1n << 64n) - 1n);
  return Array.from({ length: count }, () => ({
    label: rng.below(2),
    importance: rng.below(4) === 0 ? 2.5 : 1,
    singles: Array.from({ length: singles }, id),
    bags: COMBINERS.map(() =>
      Array.from({ length: rng.below(MAX_LENGTH + 1) }, () => ({ key: id(), weight: 0.5 + rng.below(3) })),
    ),
    numbers: [rng.below(3) === 0 ? Number.NaN : rng.uniform() * 2 - 1, rng.below(3)],
  }));
}

/** Lays events out like the decoder. */
export function toBatch(layout: BatchLayout, events: readonly Event[]): Batch {
  const buffer = new ArrayBuffer(layout.bytes);
  const bags = layout.bags.map(({ offsets, keys, weights }) => ({
    offsets: new Uint32Array(buffer, offsets, layout.capacity + 1),
    keys: new BigUint64Array(buffer, keys, layout.capacity * MAX_LENGTH),
    weights: new Float32Array(buffer, weights, layout.capacity * MAX_LENGTH),
  }));
  const batch = new Batch(layout, events.length, buffer);
  batch.labels.set(events.map((e) => e.label));
  batch.weights.set(events.map((e) => e.importance));
  batch.numbers.set(events.flatMap((e) => [...e.numbers]));
  batch.keys(0).set(events.flatMap((e) => [...e.singles]));
  if (layout.keys.length > 1) batch.keys(1).set(events.flatMap((e) => [...wideOf(e).singles]));
  bags.forEach((bag, b) => {
    events.forEach((event, r) => {
      const from = bag.offsets[r];
      const items = layout.bags[b].table === 0 ? event.bags[b] : wideOf(event).bags[1];
      items.forEach(({ key, weight }, i) => {
        bag.keys[from + i] = key;
        bag.weights[from + i] = weight;
      });
      bag.offsets[r + 1] = from + items.length;
    });
  });
  return batch;
}

export function layoutOf(spec: CompiledSpec, capacity: number): BatchLayout {
  return batchLayout(spec, capacity);
}

const f = Math.fround;

/** The same model with a linear part of some of its fields: two singles, a bag (mean) and a number. */
export function withWide(spec: CompiledSpec, optimizer: OptimizerSpec, rows = 32): CompiledSpec {
  const cells = spec.tables[0].cells.filter(({ field }) => WIDE.includes(field));
  const shape = { name: "wide", role: "wide", encoding: "hash", rows, dim: 1, init: 0.02 } as const;
  return { ...spec, tables: [...spec.tables, { ...shape, seed: "fedcba9876543210", optimizer, cells }] };
}

const WIDE = ["c0", "c1", "mean", "u"];

/** The wide part's features of an event. */
export function wideOf(event: Event): Event {
  return {
    ...event,
    singles: event.singles.slice(0, 2),
    bags: [[], event.bags[1], []],
    numbers: event.numbers.slice(0, 1),
  };
}

/** An event's features in the kernel's order; those of the wide part with `wideOf`. */
export function featuresOf(spec: CompiledSpec, event: Event, table = 0): Feature[] {
  const constants = spec.tables[table].cells.filter((cell) => cell.kind === "number" || cell.kind === "bias");
  const divisors = [
    () => 1,
    (ws: number[]) => ws.reduce((sum, w) => f(sum + w), 0),
    (ws: number[]) => f(Math.sqrt(ws.reduce((sum, w) => f(sum + f(w * w)), 0))),
  ];
  return [
    ...event.singles.map((key) => ({ key, x: 1 })),
    ...event.bags.flatMap((bag, b) => {
      const divisor = divisors[b](bag.map((item) => item.weight));
      return bag.map(({ key, weight }) => ({ key, x: f(weight / divisor) }));
    }),
    ...constants
      .map((cell, i) => ({ key: constantKey(cell), x: cell.kind === "bias" ? 1 : f(event.numbers[i]) }))
      .filter(({ x }) => x !== 0 && !Number.isNaN(x)),
  ];
}
