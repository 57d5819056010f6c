import { Batch, type BatchLayout } from "../../src/core/batch.js";
import type {
  Combiner,
  CompiledCell,
  CompiledField,
  CompiledSpec,
  OptimizerSpec,
  StoreSpec,
} from "../../src/spec/compiled.js";
import { noKnobs } from "../../src/towers/first-knobs.js";

export interface TableShape {
  readonly encoding: "hash" | "exact";
  readonly optimizer: OptimizerSpec;
  readonly rows?: number;
  readonly dim?: number;
  readonly init?: number;
  readonly precision?: "f16" | "int8" | "int4" | "int2" | "q2.13";
  readonly rounding?: "nearest";
  /** Cells: number of single ones, a bag for each combiner (or one with item vectors), number of number cells, and a bias. */
  readonly singles?: number;
  readonly bags?: readonly (Combiner | "side by side")[];
  readonly numbers?: number;
  readonly bias?: boolean;
  /** Budget, admission and eviction of an exact table. */
  readonly life?: Pick<StoreSpec, "budget" | "admission" | "eviction">;
}

export const SEED = 0x0123456789abcdefn;
const CELL_SEED = "00000000000000ff";
const MAX_LENGTH = 6;

/** A model whose only table has this shape. */
export function modelOf(shape: TableShape): CompiledSpec {
  const names = (kind: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${kind}${i}`);
  const singles = names("single", shape.singles ?? 0);
  const bags = shape.bags ?? [];
  const numbers = names("number", shape.numbers ?? 0);
  const cell = (kind: CompiledCell["kind"]) => (field: string) => ({ field, kind, seed: CELL_SEED });
  const fields: CompiledField[] = [
    ...singles.map((name) => ({ name, type: "categorical", from: name }) as const),
    ...bags.map((combiner, i) => {
      return {
        name: `bag${i}`,
        type: "bag",
        from: `bag${i}`,
        separator: ",",
        combiner: combiner === "side by side" ? "mean" : combiner,
        max_length: MAX_LENGTH,
      } as const;
    }),
    ...numbers.map((name) => ({ name, type: "numeric", from: name, transform: "raw", missing: 0 }) as const),
  ];
  return {
    name: "sample",
    seed: 1,
    batch: 8,
    window: 100,
    events: { format: "tsv", columns: [], header: false, separator: "\t" },
    label: { from: "label", positive: { equals: "1" }, weight: null, time: null, id: null, oracle: null },
    fields,
    tables: [
      {
        name: "ids",
        role: "embedding",
        encoding: shape.encoding,
        rows: shape.rows ?? (shape.encoding === "hash" ? 64 : 0),
        dim: shape.dim ?? 4,
        init: shape.init ?? 0.05,
        optimizer: shape.optimizer,
        ...(shape.precision && { precision: shape.precision }),
        ...(shape.rounding && { rounding: shape.rounding }),
        seed: SEED.toString(16).padStart(16, "0"),
        ...shape.life,
        cells: [
          ...singles.map(cell("single")),
          ...bags.map((combiner, i) => ({
            ...cell("bag")(`bag${i}`),
            ...(combiner === "side by side" && { items: MAX_LENGTH }),
          })),
          ...numbers.map(cell("number")),
          ...(shape.bias ? [cell("bias")("(bias)")] : []),
        ],
      },
    ],
    numbers: numbers,
    tower: {
      kind: "deep_crossing",
      ...noKnobs,
      optimizer: shape.optimizer,
      runtime: "onnxruntime",
    },
  };
}

/** One event of a batch. */
export interface Row {
  readonly singles?: readonly bigint[];
  readonly bags?: readonly (readonly { readonly key: bigint; readonly weight: number }[])[];
  readonly numbers?: readonly number[];
}

/** The batch that a decoder would produce for these rows. */
export function batchOf(layout: BatchLayout, rows: readonly Row[]): Batch {
  const buffer = new ArrayBuffer(layout.bytes);
  const batch = new Batch(layout, rows.length, buffer);
  batch.keys(0).set(rows.flatMap(({ singles = [] }) => singles));
  batch.numbers.set(rows.flatMap(({ numbers = [] }) => numbers));
  layout.bags.forEach((region, b) => {
    const items = rows.flatMap(({ bags = [] }) => bags[b]);
    const offsets = new Uint32Array(buffer, region.offsets, rows.length + 1);
    rows.forEach(({ bags = [] }, r) => {
      offsets[r + 1] = offsets[r] + bags[b].length;
    });
    const view = batch.bag(b);
    view.keys.set(items.map(({ key }) => key));
    view.weights.set(items.map(({ weight }) => weight));
  });
  return batch;
}

/** A small deterministic stream of numbers in [0, n). */
export function dice(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** `count` random rows for a model, with keys out of `keys`. */
export function randomRows(
  shape: TableShape,
  keys: readonly bigint[],
  count: number,
  roll: (n: number) => number,
): Row[] {
  const key = (): bigint => keys[roll(keys.length)];
  return Array.from({ length: count }, () => ({
    singles: Array.from({ length: shape.singles ?? 0 }, key),
    bags: (shape.bags ?? []).map(() => {
      return Array.from({ length: roll(MAX_LENGTH + 1) }, () => ({
        key: key(),
        weight: Math.fround((roll(9) + 1) / 4),
      }));
    }),
    numbers: Array.from({ length: shape.numbers ?? 0 }, () =>
      roll(5) === 0 ? Number.NaN : Math.fround(roll(100) / 10 - 5),
    ),
  }));
}
