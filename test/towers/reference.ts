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
  const make = (f: (at: readonly number[]) => number): Value => ({ shape, data: filled(shape, size, f) });
  const each = (f: (a: number, b: number) => number): Value => {
    const [a, b = a] = x.map((operand) => spread(operand, shape).data);
    const data = new Float64Array(size);
    for (let i = 0; i < size; i++) data[i] = f(a[i], b[i]);
    return { shape, data };
  };
  switch (y.op) {
    case "input":
    case "parameter":
      return feeds.get(y.name)!;
    case "constant":
      return { shape, data: Float64Array.from(y.data) };
    case "add":
      return each((a, b) => a + b);
    case "sub":
      return each((a, b) => a - b);
    case "mul":
      return each((a, b) => a * b);
    case "div":
      return each((a, b) => a / b);
    case "sqrt":
      return each(Math.sqrt);
    case "mish":
      return each((a) => a * Math.tanh(Math.log1p(Math.exp(a))));
    case "relu":
      return each((a) => Math.max(0, a));
    case "reluGradient":
      return each((a, b) => (a > 0 ? b : 0));
    case "sigmoid":
      return each((a) => 1 / (1 + Math.exp(-a)));
    case "gemm":
    case "matmul":
      return product(x, y, shape);
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
      return spread(x[0], shape);
    case "reduceSum":
      return reduceSum(x[0], y.axes, shape);
  }
}

/** Products of matrices, one for each place in the leading dimensions. */
function product([a, b, bias]: Value[], { transA, transB }: Turned, shape: number[]): Value {
  const data = new Float64Array(shape.reduce((size, dim) => size * dim, 1));
  const [m, n] = shape.slice(-2);
  const inner = a.shape[a.shape.length - (transA ? 2 : 1)];
  const [stepA, stepB] = [steps(a.shape, transA), steps(b.shape, transB)];
  for (let matrix = 0, at = 0; at < data.length; matrix++) {
    const place = [...position(matrix, shape.slice(0, -2)), 0, 0];
    const [fromA, fromB] = [offset(place, a.shape), offset(place, b.shape)];
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++, at++) {
        let sum = bias ? read(bias, [column]) : 0;
        for (let k = 0; k < inner; k++) {
          const left = a.data[fromA + row * stepA.row + k * stepA.column];
          sum += left * b.data[fromB + k * stepB.row + column * stepB.column];
        }
        data[at] = sum;
      }
    }
  }
  return { shape, data };
}

function reduceSum(x: Value, axes: readonly number[], shape: number[]): Value {
  const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
  const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  x.data.forEach((value, i) => {
    data[offset(position(i, x.shape), kept)] += value;
  });
  return { shape, data };
}

/** A value broadcast to `shape`. */
function spread(x: Value, shape: number[]): Value {
  if (x.shape.length === shape.length && x.shape.every((dim, axis) => dim === shape[axis])) return x;
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: filled(shape, size, (at) => read(x, at)) };
}

/** The values of all elements, in order. @param f by an element's index, which is another's afterwards */
function filled(shape: readonly number[], size: number, f: (at: readonly number[]) => number): Float64Array {
  const data = new Float64Array(size);
  const at = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < size; i++) {
    data[i] = f(at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++at[axis] < shape[axis]) break;
      at[axis] = 0;
    }
  }
  return data;
}

type Turned = { readonly transA: boolean; readonly transB: boolean };

/** Strides of a matrix's rows and columns, transposed or not. */
function steps(shape: readonly number[], turned: boolean): { row: number; column: number } {
  const width = shape[shape.length - 1];
  return turned ? { row: 1, column: width } : { row: width, column: 1 };
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

/** Offset of index `at` in a tensor of `shape`; dimensions of size 1 and missing leading ones broadcast. */
function offset(at: readonly number[], shape: readonly number[]): number {
  const lead = at.length - shape.length;
  let sum = 0;
  for (let axis = 0; axis < shape.length; axis++) sum = sum * shape[axis] + (shape[axis] === 1 ? 0 : at[axis + lead]);
  return sum;
}

function read(x: Value, at: readonly number[]): number {
  return x.data[offset(at, x.shape)];
}
