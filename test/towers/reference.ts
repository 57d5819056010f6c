import { sizeOf, type Tensor, withRows } from "../../src/graph/graph.js";

/** A value in double precision. */
export interface Value {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}

/**
 * A slow interpreter of a graph in double precision, written apart from both runtimes: the oracle of the tower tests.
 * @returns the values of `wanted`, in order
 */
export function evaluate(feeds: ReadonlyMap<string, Value>, rows: number, wanted: Tensor[]): Value[] {
  const done = new Map<number, Value>();
  const value = (tensor: Tensor): Value => {
    const known = done.get(tensor.id);
    if (known) return known;
    const result = compute(tensor, tensor.inputs.map(value), feeds, rows);
    if (result.data.length !== sizeOf(tensor.shape, rows)) throw new Error(`${tensor.op}: inferred shape is wrong`);
    done.set(tensor.id, result);
    return result;
  };
  return wanted.map(value);
}

function compute(y: Tensor, x: Value[], feeds: ReadonlyMap<string, Value>, rows: number): Value {
  const shape = withRows(y.shape, rows);
  const size = shape.reduce((a, b) => a * b, 1);
  const make = (f: (at: number[], i: number) => number): Value => ({
    shape,
    data: Float64Array.from({ length: size }, (_, i) => f(position(i, shape), i)),
  });
  switch (y.op) {
    case "input":
    case "parameter":
      return feeds.get(y.name)!;
    case "constant":
      return { shape, data: Float64Array.from(y.data) };
    case "add":
      return make((at) => read(x[0], at) + read(x[1], at));
    case "sub":
      return make((at) => read(x[0], at) - read(x[1], at));
    case "mul":
      return make((at) => read(x[0], at) * read(x[1], at));
    case "div":
      return make((at) => read(x[0], at) / read(x[1], at));
    case "sqrt":
      return make((at) => Math.sqrt(read(x[0], at)));
    case "mish":
      return make((at) => read(x[0], at) * Math.tanh(Math.log1p(Math.exp(read(x[0], at)))));
    case "relu":
      return make((at) => Math.max(0, read(x[0], at)));
    case "reluGradient":
      return make((at) => (read(x[0], at) > 0 ? read(x[1], at) : 0));
    case "sigmoid":
      return make((at) => 1 / (1 + Math.exp(-read(x[0], at))));
    case "gemm":
    case "matmul": {
      const batch = (at: number[]) => at.slice(0, -2);
      const inner = x[0].shape[x[0].shape.length - (y.transA ? 2 : 1)];
      return make((at) => {
        const [m, n] = at.slice(-2);
        let sum = x[2] ? read(x[2], [n]) : 0;
        for (let k = 0; k < inner; k++) {
          const a = read(x[0], [...batch(at), ...(y.transA ? [k, m] : [m, k])]);
          sum += a * read(x[1], [...batch(at), ...(y.transB ? [n, k] : [k, n])]);
        }
        return sum;
      });
    }
    case "concat":
      return make((at) => {
        let column = at[1];
        const part = x.find(({ shape: [, width] }) => {
          if (column < width) return true;
          column -= width;
          return false;
        });
        return read(part!, [at[0], column, ...at.slice(2)]);
      });
    case "slice":
      return make(([row, column, ...rest]) => read(x[0], [row, column + y.start, ...rest]));
    case "pad":
      return make(([row, column, ...rest]) => {
        const from = column - y.before;
        return from >= 0 && from < x[0].shape[1] ? read(x[0], [row, from, ...rest]) : 0;
      });
    case "gather":
      return make(([row, column, ...rest]) => read(x[0], [row, y.indices[column], ...rest]));
    case "reshape":
      return { shape, data: x[0].data };
    case "expand":
      return make((at) => read(x[0], at));
    case "reduceSum":
      return reduceSum(x[0], y.axes, shape);
  }
}

function reduceSum(x: Value, axes: readonly number[], shape: number[]): Value {
  const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
  const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  x.data.forEach((value, i) => {
    data[offset(position(i, x.shape), kept)] += value;
  });
  return { shape, data };
}

/** The index of element `i` of a row-major tensor. */
function position(i: number, shape: readonly number[]): number[] {
  const at = new Array<number>(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    at[axis] = i % shape[axis];
    i = Math.floor(i / shape[axis]);
  }
  return at;
}

/** Where `at` lies in a tensor of `shape`; dimensions of size 1 and missing leading ones broadcast. */
function offset(at: readonly number[], shape: readonly number[]): number {
  const lead = at.length - shape.length;
  return shape.reduce((sum, dim, axis) => sum * dim + (dim === 1 ? 0 : at[axis + lead]), 0);
}

function read(x: Value, at: readonly number[]): number {
  return x.data[offset(at, x.shape)];
}
