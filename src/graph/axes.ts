import type { Graph, Shape, Tensor, TensorOf } from "./graph.js";

/** What the columns of a tensor stand for. Unknown columns take the meaning of what they are added to or multiplied by. */
class Columns {
  readonly width: number;
  private readonly make: () => readonly string[];
  private known: boolean;
  private same: Columns | null = null;

  constructor(width: number, make: () => readonly string[], known = true) {
    this.width = width;
    this.make = make;
    this.known = known;
  }

  get names(): readonly string[] {
    return this.same ? this.same.names : this.make();
  }

  /** True if only their producer is known. */
  get open(): boolean {
    return this.same ? this.same.open : !this.known;
  }

  bind(other: Columns): void {
    if (this.same) this.same.bind(other);
    else if (other !== this) this.same = other;
  }
}

/** The meaning of every position on each axis of a parameter. */
export type ParameterAxes = ReadonlyMap<string, readonly (readonly string[])[]>;

/**
 * Names what the rows and columns of a graph's parameters stand for, so that the weights of one graph can be copied into
 * another with other input columns. The rows of a matrix that multiplies inputs are named like these; a layer whose output is
 * added to something named has the same columns; a layer's own units get the layer's name and a number, as does every axis
 * about which nothing is known.
 * @param named the names of an input's columns
 */
export function parameterAxes(graph: Graph, named: (name: string, width: number) => readonly string[]): ParameterAxes {
  return new AxisNames(named).of(graph);
}

class AxisNames {
  private readonly named: (name: string, width: number) => readonly string[];
  /** For every tensor that has columns. */
  private readonly columns = new Map<number, Columns>();
  private readonly axes = new Map<string, Columns[]>();

  constructor(named: (name: string, width: number) => readonly string[]) {
    this.named = named;
  }

  of(graph: Graph): ParameterAxes {
    for (const tensor of graph.live()) {
      const columns = this.columnsOf(tensor);
      if (columns) this.columns.set(tensor.id, columns);
    }
    return new Map(
      graph.parameters.map(({ name, shape }) => {
        const found = this.axes.get(name) ?? [];
        return [name, shape.map((size, axis) => found[axis]?.names ?? numbered("", size as number))];
      }),
    );
  }

  private columnsOf(tensor: Tensor): Columns | undefined {
    const { op, inputs } = tensor;
    const [a, b] = inputs.map(({ id }) => this.columns.get(id));
    const width = widthOf(tensor.shape);
    switch (op) {
      case "input":
        return new Columns(width, () => this.named(tensor.name, width));
      case "relu":
      case "sigmoid":
      case "mish":
      case "sqrt":
      case "reshape":
      case "expand":
        return a?.width === width ? a : undefined;
      case "add":
      case "sub":
      case "mul":
      case "div":
        return this.met(width, op === "mul", a, b);
      case "gemm":
        return this.product(tensor, a);
      case "concat": {
        const parts = inputs.map((part, i) => this.columns.get(part.id) ?? unnamed(i, widthOf(part.shape)));
        return new Columns(width, () => parts.flatMap(({ names }) => names));
      }
      case "slice":
      case "gather":
        return a && new Columns(width, () => picked(tensor, a.names));
      case "matmul":
        return a && b && new Columns(width, () => dots(tensor, a.names, b.names));
      default:
        return undefined;
    }
  }

  /**
   * Unifies the columns of two operands: unknown ones take the other's meaning; those of a product of two known ones are pairs.
   */
  private met(width: number, multiplied: boolean, a?: Columns, b?: Columns): Columns | undefined {
    const [x, y] = [a, b].filter((columns) => columns?.width === width);
    if (!x || !y) return x ?? y;
    if (x.open) x.bind(y);
    else if (y.open) y.bind(x);
    else if (multiplied) return new Columns(width, () => x.names.map((name, i) => pair(name, y.names[i])));
    return x;
  }

  private product({ inputs: [, w, bias], shape, ...gemm }: TensorOf<"gemm">, x: Columns | undefined) {
    if (w.op !== "parameter" || gemm.transA || gemm.transB) return undefined;
    const width = widthOf(shape);
    const units = new Columns(width, () => numbered(w.name, width), false);
    const rows =
      x?.width === w.shape[0] ? x : new Columns(w.shape[0] as number, () => numbered("", w.shape[0] as number));
    this.axes.set(w.name, [rows, units]);
    if (bias?.op === "parameter") this.axes.set(bias.name, [units]);
    return units;
  }
}

/** Number of elements per row of a batch. */
function widthOf(shape: Shape): number {
  return shape.slice(1).reduce<number>((product, dim) => product * (dim as number), 1);
}

const numbered = (name: string, width: number) => Array.from({ length: width }, (_, i) => `${name}#${i}`);
const unnamed = (part: number, width: number) => new Columns(width, () => numbered(`part ${part}`, width));
const pair = (a: string, b: string) => (a === b ? a : [a, b].sort().join(" × "));

function picked(tensor: TensorOf<"slice"> | TensorOf<"gather">, names: readonly string[]): readonly string[] {
  const each = widthOf([1, ...tensor.shape.slice(2)]);
  if (tensor.op === "slice") return names.slice(tensor.start * each, tensor.end * each);
  return tensor.indices.flatMap((i) => names.slice(i * each, (i + 1) * each));
}

/** A cell of a product of two matrices is named by its row and column. */
function dots(
  { inputs: [x, y], transA, transB, shape }: TensorOf<"matmul">,
  a: readonly string[],
  b: readonly string[],
) {
  const [, m, n] = shape as readonly [unknown, number, number];
  const aWidth = x.shape[2] as number;
  const bWidth = y.shape[2] as number;
  const left = (i: number) => a[transA ? i : i * aWidth];
  const right = (j: number) => b[transB ? j * bWidth : j];
  return Array.from({ length: m * n }, (_, at) => pair(left(Math.floor(at / n)), right(at % n)));
}
