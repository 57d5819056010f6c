import { type Graph, type OpName, type Shape, sameShape, type Tensor, type TensorOf } from "./graph.js";

/**
 * Vector-Jacobian products: given a tensor and the gradient `d` of its value, the gradient of each of its inputs (null: not
 * differentiable). Rules may add intermediate tensors freely; what no output uses is never run.
 */
const rules: { [K in OpName]: (graph: Graph, y: TensorOf<K>, d: Tensor) => readonly (Tensor | null)[] } = {
  input: () => [],
  parameter: () => [],
  constant: () => [],
  add: (graph, y, d) => y.inputs.map((x) => reduceTo(graph, d, x.shape)),
  sub: (graph, y, d) => [reduceTo(graph, d, y.inputs[0].shape), graph.scale(reduceTo(graph, d, y.inputs[1].shape), -1)],
  mul: (graph, y, d) => {
    const [a, b] = y.inputs;
    if (a === b) return [graph.mul(graph.scale(d, 2), a), null];
    return [reduceTo(graph, graph.mul(d, b), a.shape), reduceTo(graph, graph.mul(d, a), b.shape)];
  },
  div: (graph, y, d) => {
    const [a, b] = y.inputs;
    const quotient = graph.div(d, b);
    return [reduceTo(graph, quotient, a.shape), graph.scale(reduceTo(graph, graph.mul(quotient, y), b.shape), -1)];
  },
  sqrt: (graph, y, d) => [graph.div(graph.scale(d, 0.5), y)],
  relu: (graph, y, d) => [graph.reluGradient(y, d)],
  reluGradient: (graph, y, d) => [null, graph.reluGradient(y.inputs[0], d)],
  sigmoid: (graph, y, d) => [graph.mul(d, graph.mul(y, graph.sub(graph.constant([1], [1]), y)))],
  // With s = sigmoid(x) and t = tanh(ln(1 + e^x)) = m / (2 - m), m = s (2 - s): mish' = t + x s (1 - t²).
  mish: (graph, y, d) => {
    const [x] = y.inputs;
    const one = graph.constant([1], [1]);
    const two = graph.constant([1], [2]);
    const s = graph.sigmoid(x);
    const m = graph.mul(s, graph.sub(two, s));
    const t = graph.div(m, graph.sub(two, m));
    const slope = graph.mul(graph.mul(x, s), graph.sub(one, graph.mul(t, t)));
    return [graph.mul(d, graph.add(t, slope))];
  },
  gemm: (graph, y, d) => {
    const [, , bias] = y.inputs;
    return [...productGradients(y, d, graph.gemm.bind(graph)), ...(bias ? [reduceTo(graph, d, bias.shape)] : [])];
  },
  matmul: (graph, y, d) => productGradients(y, d, graph.matmul.bind(graph)),
  concat: (graph, y, d) => {
    let end = 0;
    return y.inputs.map((part) => {
      const start = end;
      end += part.shape[1] as number;
      return graph.slice(d, start, end);
    });
  },
  slice: (graph, y, d) => [graph.pad(d, y.start, (y.inputs[0].shape[1] as number) - y.end)],
  pad: (graph, y, d) => [graph.slice(d, y.before, (y.shape[1] as number) - y.after)],
  gather: (graph, y, d) => [scatter(graph, d, y.indices, y.inputs[0].shape[1] as number)],
  reshape: (graph, y, d) => [graph.reshape(d, y.inputs[0].shape)],
  expand: (graph, y, d) => [reduceTo(graph, d, y.inputs[0].shape)],
  reduceSum: (graph, y, d) => {
    const { shape } = y.inputs[0];
    const kept = shape.map((dim, i) => (y.axes.includes(i) ? 1 : dim));
    return [graph.expand(graph.reshape(d, kept), shape)];
  },
};

/**
 * Reverse-mode differentiation: adds to `graph` the gradients of a scalar with respect to `wrt`; each seed is a tensor and the
 * scalar's gradient with respect to it.
 * @returns one tensor for each of `wrt`, of the same shape
 */
export function gradients(graph: Graph, seeds: readonly [Tensor, Tensor][], wrt: readonly Tensor[]): Tensor[] {
  const found = new Map<number, Tensor>();
  const accumulate = (tensor: Tensor, d: Tensor): void => {
    const before = found.get(tensor.id);
    found.set(tensor.id, before ? graph.add(before, d) : d);
  };
  for (const [tensor, d] of seeds) accumulate(tensor, d);
  for (const tensor of upstream(seeds.map(([tensor]) => tensor))) {
    const d = found.get(tensor.id);
    if (!d) continue;
    const rule = rules[tensor.op] as (graph: Graph, y: Tensor, d: Tensor) => readonly (Tensor | null)[];
    rule(graph, tensor, d).forEach((gradient, i) => {
      if (gradient) accumulate(tensor.inputs[i], gradient);
    });
  }
  return wrt.map((tensor) => {
    const d = found.get(tensor.id);
    if (!d) throw new Error(`the outputs do not depend on tensor ${tensor.id}`);
    return graph.expand(d, tensor.shape);
  });
}

/** `roots` and everything they depend on, every tensor before its inputs: a tensor's id is always higher than its inputs'. */
function upstream(roots: readonly Tensor[]): Tensor[] {
  const seen = new Map<number, Tensor>();
  const visit = (tensor: Tensor): void => {
    if (seen.has(tensor.id)) return;
    seen.set(tensor.id, tensor);
    tensor.inputs.forEach(visit);
  };
  roots.forEach(visit);
  return [...seen.values()].sort((a, b) => b.id - a.id);
}

/** Sums `d` over the dimensions that broadcasting had repeated, so that it has `shape`. */
function reduceTo(graph: Graph, d: Tensor, shape: Shape): Tensor {
  if (sameShape(d.shape, shape)) return d;
  const missing = d.shape.length - shape.length;
  const axes = d.shape.flatMap((dim, i) => (i < missing || (shape[i - missing] === 1 && dim !== 1) ? [i] : []));
  return graph.reshape(graph.reduceSum(d, axes, missing === 0), shape);
}

/** For y = op(a) · op(b), the gradients of a and b, using transposition flags only. */
function productGradients(
  y: TensorOf<"gemm" | "matmul">,
  d: Tensor,
  product: (a: Tensor, b: Tensor, options: { transA: boolean; transB: boolean }) => Tensor,
): [Tensor, Tensor] {
  const [a, b] = y.inputs;
  const { transA, transB } = y;
  return [
    transA ? product(b, d, { transA: transB, transB: true }) : product(d, b, { transA: false, transB: !transB }),
    transB ? product(d, a, { transA: true, transB: transA }) : product(a, d, { transA: !transA, transB: false }),
  ];
}

/** The adjoint of gathering columns: each goes back to its position, repeated ones are added, the others are zero. */
function scatter(graph: Graph, d: Tensor, indices: readonly number[], width: number): Tensor {
  const none = indices.length;
  const emptyBack = () => new Array<number>(width).fill(none);
  // For every column its first position in d, then for repeated ones their second, and so on.
  const backs = [emptyBack()];
  indices.forEach((column, i) => {
    if (backs.every((back) => back[column] !== none)) backs.push(emptyBack());
    backs.find((back) => back[column] === none)![column] = i;
  });
  const padded = backs.some((back) => back.includes(none)) ? graph.pad(d, 0, 1) : d;
  return backs.map((back) => graph.gather(padded, back)).reduce((sum, part) => graph.add(sum, part));
}
