import { HashbrookError } from "../../core/errors.js";
import { kindOf } from "../../encodings/index.js";
import type { OnnxNodes } from "../../graph/onnx-nodes.js";
import type { RowChunk, RowStore, Table } from "../../tables/table.js";
import { drawWeights } from "./initial.js";

/** The row shared by ids without one of their own, in tables with admission (src/kernels/assembly/table/default-row.ts). */
const DEFAULT_KEY = 0xffffffffffffffffn;

/** The rows of one table in an ONNX model, and the nodes that find them. */
export class TableRows {
  private readonly nodes: OnnxNodes;
  private readonly store: RowStore;
  /** Floats of a row. */
  readonly floats: number;
  private readonly find: (keys: string) => string;

  /**
   * @param drawn floats of a row that are initialised at random: the rest, behind them, starts at 0
   * @throws HashbrookError usage if the table's rows are not found by key or by key mod rows alone
   */
  constructor(nodes: OnnxNodes, table: Table, drawn = Number.POSITIVE_INFINITY) {
    checkKind(table);
    this.nodes = nodes;
    this.store = table.stores[0];
    this.floats = this.store.layout.dim;
    this.find = this.store.keyed ? this.byKey(table.stores, Math.min(drawn, this.floats)) : this.byRemainder();
  }

  /** Weights of keys. @param keys i64 [n] @returns f32 [n, floats] */
  of(keys: string): string {
    return this.find(keys);
  }

  /** The weights of one key, computed when the model is written. */
  constant(key: bigint): Float32Array {
    return this.store.weightsOf(key);
  }

  private byRemainder(): (keys: string) => string {
    const { nodes, store, floats } = this;
    const weights = new Float32Array(store.capacity * floats);
    for (let row = 0; row < store.capacity; row++) weights.set(store.weightsOf(BigInt(row)), row * floats);
    const table = nodes.constant(weights, [store.capacity, floats]);
    const rows = nodes.constant(BigUint64Array.of(BigInt(store.capacity)));
    return (keys) => {
      const row = nodes.make("Mod", [nodes.cast(keys, "u64"), rows]);
      return nodes.make("Gather", [table, nodes.cast(row, "i64")]);
    };
  }

  private byKey(stores: readonly RowStore[], drawn: number): (keys: string) => string {
    const { nodes, floats } = this;
    const { keys: sorted, weights } = sortedRows(stores, floats);
    const initial = this.instead(stores, drawn);
    if (sorted.length === 0) return initial;
    const index = nodes.constant(sorted);
    const table = nodes.constant(weights, [sorted.length, floats]);
    return (keys) => {
      const place = search(nodes, index, sorted.length, keys);
      const found = nodes.make("Equal", [nodes.make("Gather", [index, place]), keys]);
      const each = nodes.make("Unsqueeze", [found, nodes.integers(1)]);
      return nodes.make("Where", [each, nodes.make("Gather", [table, place]), initial(keys)]);
    };
  }

  /** The weights of keys without a row. */
  private instead(stores: readonly RowStore[], drawn: number): (keys: string) => string {
    const { nodes, floats } = this;
    const { admission, seed, init } = this.store.spec;
    if (admission && stores[0].lookup(DEFAULT_KEY)) {
      const row = nodes.constant(stores[0].weightsOf(DEFAULT_KEY), [1, floats]);
      return () => row;
    }
    return drawWeights(nodes, { seed: BigInt(`0x${seed}`), init, drawn, floats });
  }
}

/** Bytes that a table's rows take in a model. */
export function rowBytes({ stores }: Table): number {
  return stores.reduce((sum, { keyed, rows, capacity, layout: { dim } }) => {
    return sum + (keyed ? rows * (8 + dim * 4) : capacity * dim * 4);
  }, 0);
}

function checkKind({ name, spec, stores }: Table): void {
  const what = whyNot(spec, stores);
  if (!what) return;
  throw new HashbrookError("usage", `export: --onnx whole: table ${name} ${what}, which an ONNX graph cannot look up`, {
    hint: "omit --onnx whole, to export the tower and the tables as separate files; or score with hashbrook/scorer",
  });
}

function whyNot(spec: Table["spec"], stores: readonly RowStore[]): string | null {
  if (!kindOf(spec.encoding).store) return `has vectors of encoding ${spec.encoding}`;
  if (stores.length === 1) return null;
  if (!stores[0].keyed) return "has rows by remainder in several shards";
  return spec.admission ? "has a default row in each of its shards" : null;
}

/** All learned rows, sorted by their keys as signed numbers. */
function sortedRows(stores: readonly RowStore[], floats: number): { keys: BigInt64Array; weights: Float32Array } {
  const count = stores.reduce((sum, { rows }) => sum + rows, 0);
  const keys = new BigInt64Array(count);
  let end = 0;
  for (const chunk of chunksOf(stores)) for (const key of chunk.keys) keys[end++] = BigInt.asIntN(64, key);
  keys.sort();
  const weights = new Float32Array(count * floats);
  for (const chunk of chunksOf(stores))
    chunk.keys.forEach((key, i) => {
      const row = placeOf(keys, BigInt.asIntN(64, key));
      weights.set(chunk.weights.subarray(i * floats, (i + 1) * floats), row * floats);
    });
  return { keys, weights };
}

function* chunksOf(stores: readonly RowStore[]): Iterable<RowChunk> {
  for (const store of stores) yield* store.exportRows();
}

/** The index of a key among sorted ones. */
function placeOf(sorted: BigInt64Array, key: bigint): number {
  let place = 0;
  for (let left = sorted.length; left > 1; left -= left >>> 1) {
    const middle = place + (left >>> 1);
    if (sorted[middle] <= key) place = middle;
  }
  return place;
}

/** `placeOf` as nodes: a binary search with a fixed number of steps; an arbitrary index for a missing key. */
export function search(nodes: OnnxNodes, index: string, count: number, keys: string): string {
  let place = nodes.make("Sub", [keys, keys]);
  for (let left = count; left > 1; left -= left >>> 1) {
    const middle = nodes.make("Add", [place, nodes.integers(left >>> 1)]);
    const above = nodes.make("Less", [keys, nodes.make("Gather", [index, middle])]);
    place = nodes.make("Where", [above, place, middle]);
  }
  return place;
}
