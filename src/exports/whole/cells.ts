import { combinerOf } from "../../fields/index.js";
import type { OnnxNodes } from "../../graph/onnx-nodes.js";
import type { Combiner, CompiledCell, CompiledSpec, CompiledTable } from "../../spec/compiled.js";
import { constantKey } from "../../tables/batch-path.js";
import type { TableRows } from "./rows.js";

/** The description of one input, for callers of the model. */
export interface InputFacts {
  readonly name: string;
  readonly dtype: "int64" | "float32";
  readonly shape: readonly (number | string)[];
  /** The fields of its columns, in order. */
  readonly fields: readonly string[];
  /** For keys: the seed of each column's hash, 16 hex digits. */
  readonly seeds?: readonly string[];
}

/** A model's inputs, each created on first use: several tables may embed the same bag. */
export class Inputs {
  readonly facts: InputFacts[] = [];
  private readonly nodes: OnnxNodes;

  constructor(nodes: OnnxNodes) {
    this.nodes = nodes;
  }

  of(facts: InputFacts): string {
    if (!this.facts.some(({ name }) => name === facts.name)) {
      this.facts.push(facts);
      this.nodes.input(facts.name, facts.dtype === "int64" ? "i64" : "f32", facts.shape);
    }
    return facts.name;
  }
}

/** The columns of a table's matrix for one cell, or for all singles. */
interface Part {
  /** f32 [B, columns]. */
  readonly columns: string;
  /** Nodes for the sum of the squares of its vectors: f32 [B, floats]. */
  squares(): string;
}

/** A table's matrix X, and for models that need it the sum of the squares of all vectors, f32 [B, floats]. */
interface TableMatrix {
  readonly x: string;
  squares(): string;
}

/** Nodes that compute a table's matrix X from its keys: src/tables/batch-path.ts in ONNX operators. */
export class TableCells {
  private readonly nodes: OnnxNodes;
  private readonly inputs: Inputs;
  private readonly rows: TableRows;
  private readonly spec: CompiledSpec;
  private readonly table: CompiledTable;

  constructor(nodes: OnnxNodes, inputs: Inputs, rows: TableRows, spec: CompiledSpec, table: CompiledTable) {
    this.nodes = nodes;
    this.inputs = inputs;
    this.rows = rows;
    this.spec = spec;
    this.table = table;
  }

  /** @param numbers f32 [B, numbers], the multipliers of number cells; "" if there are none */
  matrix(numbers: string): TableMatrix {
    const singles = this.table.cells.filter(({ kind }) => kind === "single");
    const others = this.table.cells.filter(({ kind }) => kind !== "single");
    const parts = [
      ...(singles.length > 0 ? [this.singles(singles)] : []),
      ...others.map((cell) => (cell.kind === "bag" ? this.bag(cell) : this.constant(cell, numbers))),
    ];
    const columns = parts.map((part) => part.columns);
    return {
      x: this.nodes.make("Concat", columns, { axis: 1 }),
      squares: () => parts.map((part) => part.squares()).reduce((a, b) => this.nodes.make("Add", [a, b])),
    };
  }

  private singles(cells: readonly CompiledCell[]): Part {
    const { nodes, rows } = this;
    const keys = this.inputs.of({
      name: `keys_${this.table.name}`,
      dtype: "int64",
      shape: ["B", cells.length],
      fields: cells.map(({ field }) => field),
      seeds: cells.map(({ seed }) => seed),
    });
    const found = rows.of(nodes.make("Reshape", [keys, nodes.integers(-1)]));
    const vectors = nodes.make("Reshape", [this.repeated(found, keys), nodes.integers(-1, cells.length, rows.floats)]);
    return { columns: this.flat(vectors, cells.length), squares: () => this.squares(vectors) };
  }

  private bag(cell: CompiledCell): Part {
    const { nodes, rows, table } = this;
    const { field, seed, items } = cell;
    const shape = ["B", items ?? `n_${field}`];
    const keys = this.inputs.of({
      name: `keys_${table.name}_${field}`,
      dtype: "int64",
      shape,
      fields: [field],
      seeds: [seed],
    });
    const weights = this.inputs.of({ name: `weights_${field}`, dtype: "float32", shape, fields: [field] });
    const found = this.repeated(rows.of(nodes.make("Reshape", [keys, nodes.integers(-1)])), keys);
    const size = nodes.make("Concat", [nodes.make("Shape", [keys]), nodes.integers(rows.floats)], { axis: 0 });
    const share = items === undefined ? this.shares(weights, this.combinerOf(field)) : weights;
    const each = nodes.make("Unsqueeze", [share, nodes.integers(2)]);
    const vectors = nodes.make("Mul", [nodes.make("Reshape", [found, size], { allowzero: 1 }), each]);
    const columns = items === undefined ? this.sum(vectors) : this.flat(vectors, items);
    return { columns, squares: () => this.squares(vectors) };
  }

  /** Weights as shares of the combined vector, for combiners that take a mean. */
  private shares(weights: string, combiner: Combiner): string {
    const { nodes } = this;
    if (combiner === "sum") return weights;
    const sizes = combiner === "mean" ? weights : nodes.make("Mul", [weights, weights]);
    const sum = this.sum(sizes, true);
    const divisor = combiner === "mean" ? sum : nodes.make("Sqrt", [sum]);
    const zero = nodes.constant(Float32Array.of(0));
    const none = nodes.make("Equal", [divisor, zero]);
    return nodes.make("Where", [none, zero, nodes.make("Div", [weights, divisor])]);
  }

  private constant(cell: CompiledCell, numbers: string): Part {
    const { nodes, rows } = this;
    const row = nodes.constant(rows.constant(constantKey(cell)), [1, rows.floats]);
    const columns = nodes.make("Mul", [this.valuesOf(cell, numbers), row]);
    return { columns, squares: () => nodes.make("Mul", [columns, columns]) };
  }

  /** f32 [B, 1]: a number's values, or ones. */
  private valuesOf({ kind, field }: CompiledCell, numbers: string): string {
    const { nodes, spec } = this;
    if (kind === "number") {
      const column = nodes.integers(spec.numbers.indexOf(field));
      return nodes.make("Gather", [numbers, column], { axis: 1 });
    }
    const [input] = this.inputs.facts;
    const rows = nodes.make("Shape", [input.name], { start: 0, end: 1 });
    const size = nodes.make("Concat", [rows, nodes.integers(1)], { axis: 0 });
    return nodes.make("Expand", [nodes.constant(Float32Array.of(1)), size]);
  }

  /** Rows of keys; a single one that applies to all rows is repeated. */
  private repeated(rows: string, keys: string): string {
    const { nodes } = this;
    const count = nodes.make("Reshape", [nodes.make("Size", [keys]), nodes.integers(1)]);
    const size = nodes.make("Concat", [count, nodes.integers(this.rows.floats)], { axis: 0 });
    return nodes.make("Expand", [rows, size]);
  }

  private flat(vectors: string, count: number): string {
    return this.nodes.make("Reshape", [vectors, this.nodes.integers(-1, count * this.rows.floats)]);
  }

  private sum(tensor: string, keepDims = false): string {
    return this.nodes.make("ReduceSum", [tensor, this.nodes.integers(1)], { keepdims: keepDims ? 1 : 0 });
  }

  private squares(vectors: string): string {
    return this.sum(this.nodes.make("Mul", [vectors, vectors]));
  }

  private combinerOf(name: string): Combiner {
    return combinerOf(this.spec.fields.find((field) => field.name === name));
  }
}
