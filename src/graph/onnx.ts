import { type Graph, type OpName, type Tensor, type TensorOf, withBatchAs } from "./graph.js";
import { type Attributes, encodeModel, OnnxNodes, tensorTypes } from "./onnx-nodes.js";

/** Operator set 17: readable by onnxruntime >= 1.12 and every current tool. */
const OPSET = 17;

export interface OnnxOptions {
  readonly initializers?: ReadonlyMap<string, Float32Array>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly surroundings?: Surroundings;
  /** For some outputs: how to compute what is written from what the graph computes, by name. */
  readonly rewritten?: Readonly<Record<string, Rewrite>>;
}

/** Adds nodes that compute output `name` from `tensor`, with the same shape. */
export type Rewrite = (nodes: OnnxNodes, tensor: string, name: string) => void;

/** Nodes around a graph, in one model with it. They may use operators of set 18 (onnxruntime >= 1.14). */
export interface Surroundings {
  /** The nodes before it, with the model's inputs. */
  readonly nodes: OnnxNodes;
  /** For each input of the graph, the name of a tensor that `nodes` computes. */
  readonly feeds: ReadonlyMap<string, string>;
  /** Adds the nodes after it, and additional outputs. */
  after(nodes: OnnxNodes): void;
}

const WIDER_OPSET = 18;

/**
 * Writes a graph as an ONNX model. Only what the outputs need is written; inputs, parameters and outputs keep their names, and
 * the batch dimension is the symbolic "B".
 * @param options.initializers parameter values by name, baked into the file (an export); without, parameters are inputs
 * @param options.metadata texts by name, stored in the file (`metadata_props`)
 * @param options.surroundings nodes that compute the graph's inputs, and further outputs from its outputs
 */
export function toOnnx(graph: Graph, options: OnnxOptions = {}): Uint8Array {
  const { initializers, metadata = {}, surroundings, rewritten = {} } = options;
  const nodes = surroundings?.nodes ?? new OnnxNodes();
  const outputs = new Map([...graph.outputs].map(([name, y]) => [name in rewritten ? `#learned ${name}` : name, y]));
  const writer = new Writer(graph, nodes, outputs, surroundings?.feeds);
  for (const { name, shape } of [...(surroundings ? [] : graph.inputs), ...(initializers ? [] : graph.parameters)])
    nodes.input(name, "f32", shape);
  for (const tensor of graph.live()) emit(writer, tensor);
  writer.nameOutputs();
  for (const [name, rewrite] of Object.entries(rewritten)) rewrite(nodes, `#learned ${name}`, name);
  for (const { name, shape } of initializers ? graph.parameters : []) {
    const data = initializers?.get(name);
    if (!data) throw new Error(`no value for parameter ${name}`);
    writer.initializer(name, shape as readonly number[], data);
  }
  for (const [name, { shape }] of graph.outputs) nodes.output(name, "f32", shape);
  surroundings?.after(nodes);
  return encodeModel(nodes, { name: "tower", opset: surroundings ? WIDER_OPSET : OPSET, metadata });
}

/** How each operation is written. */
const emitters: { [K in OpName]: (writer: Writer, y: TensorOf<K>) => void } = {
  input: () => {},
  parameter: () => {},
  constant: (writer, y) => writer.initializer(writer.name(y), y.shape as readonly number[], y.data),
  add: (writer, y) => writer.node("Add", y),
  sub: (writer, y) => writer.node("Sub", y),
  mul: (writer, y) => writer.node("Mul", y),
  div: (writer, y) => writer.node("Div", y),
  // The runtime's square root and division are the processor's, correctly rounded; its reciprocal need not be.
  sqrt: (writer, y) => writer.node("Sqrt", y),
  relu: (writer, y) => writer.node("Relu", y),
  sigmoid: (writer, y) => writer.node("Sigmoid", y),
  // y = relu(x) is never negative, so "not zero" means "positive": the fastest of six forms measured. Where, not Mul by a mask:
  // 0 · (negative) is -0, and onnxruntime's sums of -0 depend on its thread count.
  reluGradient: (writer, y) => {
    const [output, d] = y.inputs.map((x) => writer.name(x));
    const positive = writer.helper(y, "positive", "Cast", [output], { to: tensorTypes.bool });
    writer.write("Where", [positive, d, writer.scalar(0)], writer.name(y));
  },
  // tanh(ln(1 + e^x)) = m / (2 - m) with m = s (2 - s), s = sigmoid(x), because Softplus is not vectorised.
  mish: (writer, y) => {
    const x = writer.name(y.inputs[0]);
    const s = writer.helper(y, "s", "Sigmoid", [x]);
    const m = writer.helper(y, "m", "Mul", [s, writer.helper(y, "2-s", "Sub", [writer.scalar(2), s])]);
    const t = writer.helper(y, "t", "Div", [m, writer.helper(y, "2-m", "Sub", [writer.scalar(2), m])]);
    writer.write("Mul", [x, t], writer.name(y));
  },
  gemm: (writer, y) => writer.node("Gemm", y, [], { transA: y.transA ? 1 : 0, transB: y.transB ? 1 : 0 }),
  matmul: (writer, y) => {
    const turned = [y.transA, y.transB].map((transpose, i) => {
      const name = writer.name(y.inputs[i]);
      return transpose ? writer.helper(y, `turned${i}`, "Transpose", [name], { perm: [0, 2, 1] }) : name;
    });
    writer.write("MatMul", turned, writer.name(y));
  },
  concat: (writer, y) => writer.node("Concat", y, [], { axis: 1 }),
  slice: (writer, y) => writer.node("Slice", y, [[y.start], [y.end], [1]]),
  pad: (writer, y) => {
    const rest = y.shape.slice(2).map(() => 0);
    writer.node("Pad", y, [[0, y.before, ...rest, 0, y.after, ...rest]]);
  },
  gather: (writer, y) => writer.node("Gather", y, [y.indices], { axis: 1 }),
  reshape: (writer, y) => writer.node("Reshape", y, [withBatchAs(y.shape, -1)]),
  // Expand broadcasts both ways, so 1 stands for the batch dimension, which the input provides.
  expand: (writer, y) => writer.node("Expand", y, [withBatchAs(y.shape, 1)]),
  reduceSum: (writer, y) => writer.node("ReduceSum", y, [y.axes], { keepdims: y.keepDims ? 1 : 0 }),
};

function emit(writer: Writer, tensor: Tensor): void {
  (emitters[tensor.op] as (writer: Writer, y: Tensor) => void)(writer, tensor);
}

/** Collects the nodes and initializers of one graph. */
class Writer {
  private readonly nodes: OnnxNodes;
  private readonly outputs: ReadonlyMap<string, Tensor>;
  private readonly names = new Map<number, string>();
  private readonly written = new Set<string>();

  constructor(
    graph: Graph,
    nodes: OnnxNodes,
    outputs: ReadonlyMap<string, Tensor>,
    feeds?: ReadonlyMap<string, string>,
  ) {
    this.outputs = outputs;
    this.nodes = nodes;
    for (const { id, name } of graph.inputs) this.names.set(id, feeds?.get(name) ?? name);
    for (const { id, name } of graph.parameters) this.names.set(id, name);
    for (const [name, tensor] of outputs) if (!this.names.has(tensor.id)) this.names.set(tensor.id, name);
  }

  name(tensor: Tensor): string {
    return this.names.get(tensor.id) ?? `#t${tensor.id}`;
  }

  /** A node that computes `y` from its inputs, then integer operands (axes, shapes ...). */
  node(opType: string, y: Tensor, integers: readonly (readonly number[])[] = [], attributes: Attributes = {}): void {
    const operands = [...y.inputs.map((x) => this.name(x)), ...integers.map((values) => this.integers(values))];
    this.write(opType, operands, this.name(y), attributes);
  }

  /** A node that computes an intermediate value for `y`. */
  helper(y: Tensor, role: string, opType: string, operands: readonly string[], attributes: Attributes = {}): string {
    const name = `${this.name(y)}:${role}`;
    this.write(opType, operands, name, attributes);
    return name;
  }

  write(opType: string, operands: readonly string[], output: string, attributes: Attributes = {}): void {
    this.nodes.write(opType, operands, output, attributes);
  }

  /** A number, written only once. */
  scalar(value: number): string {
    const name = `#scalar ${value}`;
    if (!this.written.has(name)) this.initializer(name, [1], Float32Array.of(value));
    return name;
  }

  initializer(name: string, dims: readonly number[], data: Float32Array): void {
    this.written.add(name);
    this.nodes.initializer(name, dims, data);
  }

  /** Adds nodes for outputs that are also inputs, or the same tensor under a second name. */
  nameOutputs(): void {
    for (const [name, tensor] of this.outputs) {
      if (this.name(tensor) !== name) this.write("Identity", [this.name(tensor)], name);
    }
  }

  private integers(values: readonly number[]): string {
    const name = `#${values.join("_")}`;
    if (!this.written.has(name)) this.nodes.initializer(name, [values.length], BigInt64Array.from(values, BigInt));
    this.written.add(name);
    return name;
  }
}
