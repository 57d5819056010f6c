/** A dimension: a fixed size, or one known only when the graph runs: "B", the rows of a batch, or a multiple of them ("20B"). */
export type Dim = number | BatchDim;
export type BatchDim = "B" | `${number}B`;
export type Shape = readonly Dim[];

/**
 * How a tensor is computed. Binary operations broadcast as in NumPy; axis 0 is always the batch in slice, pad, gather, concat.
 */
export type Operation =
  | { readonly op: "input"; readonly name: string }
  | { readonly op: "parameter"; readonly name: string }
  | { readonly op: "constant"; readonly data: Float32Array }
  | Plain<"add" | "sub" | "mul" | "div" | "sqrt" | "relu" | "sigmoid" | "mish" | "concat" | "reshape" | "expand">
  /** (y, d) → d where y > 0, else 0: the gradient of y = relu(x). */
  | Plain<"reluGradient">
  /** (a, b[, bias]) → op(a) · op(b) + bias, 2-D. */
  | { readonly op: "gemm"; readonly transA: boolean; readonly transB: boolean }
  /** The same for every row of the batch, 3-D, no bias. */
  | { readonly op: "matmul"; readonly transA: boolean; readonly transB: boolean }
  | { readonly op: "slice"; readonly start: number; readonly end: number }
  | { readonly op: "pad"; readonly before: number; readonly after: number }
  | { readonly op: "gather"; readonly indices: readonly number[] }
  | { readonly op: "reduceSum"; readonly axes: readonly number[]; readonly keepDims: boolean };

/** Operations without attributes, each a separate member of the union. */
type Plain<K> = K extends string ? { readonly op: K } : never;

export type OpName = Operation["op"];

/** A value of the graph: the output of one operation. */
export type Tensor = Operation & { readonly id: number; readonly inputs: readonly Tensor[]; readonly shape: Shape };

/** The tensors made by operation `K`. */
export type TensorOf<K extends OpName> = Extract<Tensor, { op: K }>;

/** Elements of a tensor of `shape` when the batch has `rows` rows. */
export function sizeOf(shape: Shape, rows = 1): number {
  return withRows(shape, rows).reduce((product, dim) => product * dim, 1);
}

/** `shape` with the number of rows filled in. */
export function withRows(shape: Shape, rows: number): number[] {
  return shape.map((dim) => (typeof dim === "number" ? dim : rows * (dim === "B" ? 1 : Number.parseInt(dim, 10))));
}

/** `count` times the rows of a batch, as one dimension. */
export const timesRows = (count: number): BatchDim => (count === 1 ? "B" : `${count}B`);

/** `shape` with a number in the batch's place. */
export function withBatchAs(shape: Shape, size: number): number[] {
  return shape.map((dim) => (typeof dim === "number" ? dim : size));
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** The shape two tensors broadcast to. */
export function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const at = (shape: Shape, i: number): Dim => shape[i - rank + shape.length] ?? 1;
  return Array.from({ length: rank }, (_, i) => {
    const x = at(a, i);
    const y = at(b, i);
    if (x !== y && x !== 1 && y !== 1) throw new Error(`shapes [${a}] and [${b}] do not broadcast`);
    return x === 1 ? y : x;
  });
}

/**
 * A static graph over f32 tensors, built by calling its methods; shapes are inferred and checked on the way. Operations that no
 * output needs are never run: see `live`.
 */
export class Graph {
  readonly inputs: TensorOf<"input">[] = [];
  readonly parameters: TensorOf<"parameter">[] = [];
  readonly outputs = new Map<string, Tensor>();
  private count = 0;

  /** A value passed in at every run. */
  input(name: string, shape: Shape): TensorOf<"input"> {
    const tensor = this.make({ op: "input", name }, [], shape);
    this.inputs.push(tensor);
    return tensor;
  }

  /** A trained weight: passed in at every run as well, or baked in when the graph is exported. */
  parameter(name: string, shape: readonly number[]): TensorOf<"parameter"> {
    const tensor = this.make({ op: "parameter", name }, [], shape);
    this.parameters.push(tensor);
    return tensor;
  }

  constant(shape: readonly number[], data: readonly number[]): Tensor {
    return this.make({ op: "constant", data: Float32Array.from(data) }, [], shape);
  }

  output(name: string, tensor: Tensor): void {
    this.outputs.set(name, tensor);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.broadcast("add", a, b);
  }

  sub(a: Tensor, b: Tensor): Tensor {
    return this.broadcast("sub", a, b);
  }

  mul(a: Tensor, b: Tensor): Tensor {
    return this.broadcast("mul", a, b);
  }

  div(a: Tensor, b: Tensor): Tensor {
    return this.broadcast("div", a, b);
  }

  sqrt(x: Tensor): Tensor {
    return this.make({ op: "sqrt" }, [x], x.shape);
  }

  /** factor · x. */
  scale(x: Tensor, factor: number): Tensor {
    return this.mul(x, this.constant([1], [factor]));
  }

  relu(x: Tensor): Tensor {
    return this.make({ op: "relu" }, [x], x.shape);
  }

  /** The gradient with respect to x of y = relu(x), given the gradient `d` of y. */
  reluGradient(y: Tensor, d: Tensor): Tensor {
    return this.make({ op: "reluGradient" }, [y, d], y.shape);
  }

  sigmoid(x: Tensor): Tensor {
    return this.make({ op: "sigmoid" }, [x], x.shape);
  }

  /** x · tanh(ln(1 + e^x)) (Misra 2019). */
  mish(x: Tensor): Tensor {
    return this.make({ op: "mish" }, [x], x.shape);
  }

  /** op(a) · op(b) + bias over matrices: [M, K] · [K, N] + [N] → [M, N]. */
  gemm(a: Tensor, b: Tensor, options: { transA?: boolean; transB?: boolean; bias?: Tensor } = {}): Tensor {
    const { transA = false, transB = false, bias } = options;
    const shape = productShape(a.shape, b.shape, transA, transB);
    return this.make({ op: "gemm", transA, transB }, bias ? [a, b, bias] : [a, b], shape);
  }

  /** op(a) · op(b) for every row of the batch: [B, M, K] · [B, K, N] → [B, M, N]. */
  matmul(a: Tensor, b: Tensor, options: { transA?: boolean; transB?: boolean } = {}): Tensor {
    const { transA = false, transB = false } = options;
    const shape = productShape(a.shape.slice(1), b.shape.slice(1), transA, transB);
    return this.make({ op: "matmul", transA, transB }, [a, b], [a.shape[0], ...shape]);
  }

  /** Concatenates along axis 1. */
  concat(parts: readonly Tensor[]): Tensor {
    if (parts.length === 1) return parts[0];
    const [first] = parts;
    const width = parts.reduce((sum, part) => sum + fixed(part.shape[1]), 0);
    return this.make({ op: "concat" }, parts, [first.shape[0], width, ...first.shape.slice(2)]);
  }

  /** Columns [start, end) of axis 1. */
  slice(x: Tensor, start: number, end: number): Tensor {
    if (start < 0 || end > fixed(x.shape[1]) || start >= end) throw new Error(`slice ${start}..${end} of [${x.shape}]`);
    return this.make({ op: "slice", start, end }, [x], [x.shape[0], end - start, ...x.shape.slice(2)]);
  }

  /** Zero columns before and after, along axis 1. */
  pad(x: Tensor, before: number, after: number): Tensor {
    const width = before + fixed(x.shape[1]) + after;
    return this.make({ op: "pad", before, after }, [x], [x.shape[0], width, ...x.shape.slice(2)]);
  }

  /** Columns `indices` of axis 1. */
  gather(x: Tensor, indices: readonly number[]): Tensor {
    return this.make({ op: "gather", indices }, [x], [x.shape[0], indices.length, ...x.shape.slice(2)]);
  }

  reshape(x: Tensor, shape: Shape): Tensor {
    if (sizeOf(shape, 7) !== sizeOf(x.shape, 7)) throw new Error(`cannot reshape [${x.shape}] to [${shape}]`);
    return sameShape(x.shape, shape) ? x : this.make({ op: "reshape" }, [x], shape);
  }

  /** Repeats dimensions of size 1 until the shape is `shape`. */
  expand(x: Tensor, shape: Shape): Tensor {
    return sameShape(x.shape, shape) ? x : this.make({ op: "expand" }, [x], broadcastShape(x.shape, shape));
  }

  reduceSum(x: Tensor, axes: readonly number[], keepDims: boolean): Tensor {
    const shape = x.shape.flatMap((dim, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [dim]));
    return this.make({ op: "reduceSum", axes, keepDims }, [x], shape);
  }

  /** Every tensor the outputs need, each after its inputs. */
  live(): Tensor[] {
    const order = new Map<number, Tensor>();
    const visit = (tensor: Tensor): void => {
      if (order.has(tensor.id)) return;
      tensor.inputs.forEach(visit);
      order.set(tensor.id, tensor);
    };
    this.outputs.forEach(visit);
    return [...order.values()];
  }

  /** An expanded operand is used unexpanded if broadcasting gives the same result. */
  private broadcast(op: "add" | "sub" | "mul" | "div", a: Tensor, b: Tensor): Tensor {
    const shape = broadcastShape(a.shape, b.shape);
    const x = a.op === "expand" ? a.inputs[0] : a;
    const y = b.op === "expand" ? b.inputs[0] : b;
    if (x !== a && sameShape(broadcastShape(x.shape, b.shape), shape)) return this.broadcast(op, x, b);
    if (y !== b && sameShape(broadcastShape(a.shape, y.shape), shape)) return this.broadcast(op, a, y);
    return this.make({ op }, [a, b], shape);
  }

  private make<O extends Operation>(operation: O, inputs: readonly Tensor[], shape: Shape) {
    return { ...operation, inputs, shape, id: this.count++ };
  }
}

/** A dimension that must not be the batch's. */
function fixed(dim: Dim): number {
  if (typeof dim !== "number") throw new Error("the batch dimension cannot be used here");
  return dim;
}

function productShape(a: Shape, b: Shape, transA: boolean, transB: boolean): Shape {
  const [m, k] = transA ? [a[1], a[0]] : a;
  const [k2, n] = transB ? [b[1], b[0]] : b;
  if (a.length !== 2 || b.length !== 2 || k !== k2) throw new Error(`cannot multiply [${a}] by [${b}]`);
  return [m, n];
}
