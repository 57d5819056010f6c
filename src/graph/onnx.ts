import onnxProto, { type onnx as Onnx } from "onnx-proto";
import { bytesOf } from "../core/blocks.js";
import { type Graph, type OpName, type Shape, type Tensor, type TensorOf, withBatchAs } from "./graph.js";

const { onnx } = onnxProto;

/** ONNX IR version 8 with operator set 17: readable by onnxruntime >= 1.12 and every current tool. */
const IR_VERSION = 8;
const OPSET = 17;

export interface OnnxOptions {
  readonly initializers?: ReadonlyMap<string, Float32Array>;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a graph as an ONNX model. Only what the outputs need is written; inputs, parameters and outputs keep their
 * names, and the batch dimension is the symbolic "B".
 * @param options.initializers parameter values by name, baked into the file (an export); without, parameters are inputs
 * @param options.metadata texts by name that the file carries (`metadata_props`)
 */
export function toOnnx(graph: Graph, options: OnnxOptions = {}): Uint8Array {
  const { initializers, metadata = {} } = options;
  const writer = new Writer(graph);
  for (const tensor of graph.live()) emit(writer, tensor);
  writer.nameOutputs();
  for (const { name, shape } of initializers ? graph.parameters : []) {
    const data = initializers?.get(name);
    if (!data) throw new Error(`no value for parameter ${name}`);
    writer.initializer(name, shape as readonly number[], data);
  }
  const inputs = initializers ? graph.inputs : [...graph.inputs, ...graph.parameters];
  const model: Onnx.IModelProto = {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: "", version: OPSET }],
    producerName: "hashbrook",
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: "tower",
      node: writer.nodes,
      initializer: writer.initializers,
      input: inputs.map((input) => valueInfo(input.name, input.shape)),
      output: [...graph.outputs].map(([name, tensor]) => valueInfo(name, tensor.shape)),
    },
  };
  return onnx.ModelProto.encode(model).finish();
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
  // The runtime's square root and division are the processor's, exactly rounded; its reciprocal need not be.
  sqrt: (writer, y) => writer.node("Sqrt", y),
  relu: (writer, y) => writer.node("Relu", y),
  sigmoid: (writer, y) => writer.node("Sigmoid", y),
  // y = relu(x) is never negative, so "not zero" is "positive": the fastest of six forms measured. Where, not Mul by a mask:
  // 0 · (negative) is -0, and onnxruntime's sums of -0 depend on its thread count.
  reluGradient: (writer, y) => {
    const [output, d] = y.inputs.map((x) => writer.name(x));
    const positive = writer.helper(y, "positive", "Cast", [output], { to: onnx.TensorProto.DataType.BOOL });
    writer.write("Where", [positive, d, writer.scalar(0)], writer.name(y));
  },
  // tanh(ln(1 + e^x)) = m / (2 - m) with m = s (2 - s), s = sigmoid(x): Softplus takes one element at a time.
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
  // Expand broadcasts both ways, so 1 stands for the batch dimension, which the input brings.
  expand: (writer, y) => writer.node("Expand", y, [withBatchAs(y.shape, 1)]),
  reduceSum: (writer, y) => writer.node("ReduceSum", y, [y.axes], { keepdims: y.keepDims ? 1 : 0 }),
};

function emit(writer: Writer, tensor: Tensor): void {
  (emitters[tensor.op] as (writer: Writer, y: Tensor) => void)(writer, tensor);
}

type Attributes = Readonly<Record<string, number | readonly number[]>>;

/** Collects the nodes and initializers of one model. */
class Writer {
  readonly nodes: Onnx.INodeProto[] = [];
  readonly initializers: Onnx.ITensorProto[] = [];
  readonly #graph: Graph;
  readonly #names = new Map<number, string>();
  readonly #written = new Set<string>();

  constructor(graph: Graph) {
    this.#graph = graph;
    for (const leaf of [...graph.inputs, ...graph.parameters]) this.#names.set(leaf.id, leaf.name);
    for (const [name, tensor] of graph.outputs) if (!this.#names.has(tensor.id)) this.#names.set(tensor.id, name);
  }

  name(tensor: Tensor): string {
    return this.#names.get(tensor.id) ?? `#t${tensor.id}`;
  }

  /** A node that makes `y` from its inputs, then integer operands (axes, shapes ...). */
  node(opType: string, y: Tensor, integers: readonly (readonly number[])[] = [], attributes: Attributes = {}): void {
    const operands = [...y.inputs.map((x) => this.name(x)), ...integers.map((values) => this.#integers(values))];
    this.write(opType, operands, this.name(y), attributes);
  }

  /** A node that makes a value only `y` needs. */
  helper(y: Tensor, role: string, opType: string, operands: readonly string[], attributes: Attributes = {}): string {
    const name = `${this.name(y)}:${role}`;
    this.write(opType, operands, name, attributes);
    return name;
  }

  write(opType: string, operands: readonly string[], output: string, attributes: Attributes = {}): void {
    const attribute = Object.entries(attributes).map(([name, value]) =>
      typeof value === "number"
        ? { name, i: value, type: onnx.AttributeProto.AttributeType.INT }
        : { name, ints: [...value], type: onnx.AttributeProto.AttributeType.INTS },
    );
    this.nodes.push({ opType, name: output, input: [...operands], output: [output], attribute });
  }

  /** A number, written once. */
  scalar(value: number): string {
    const name = `#scalar ${value}`;
    if (!this.#written.has(name)) this.initializer(name, [1], Float32Array.of(value));
    return name;
  }

  initializer(name: string, dims: readonly number[], data: Float32Array): void {
    this.#raw(name, dims, onnx.TensorProto.DataType.FLOAT, bytesOf(data));
  }

  /** Outputs that are also inputs, or the same tensor under a second name. */
  nameOutputs(): void {
    for (const [name, tensor] of this.#graph.outputs) {
      if (this.name(tensor) !== name) this.write("Identity", [this.name(tensor)], name);
    }
  }

  #integers(values: readonly number[]): string {
    const name = `#${values.join("_")}`;
    const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    if (!this.#written.has(name)) this.#raw(name, [values.length], onnx.TensorProto.DataType.INT64, data);
    return name;
  }

  #raw(name: string, dims: readonly number[], dataType: number, rawData: Uint8Array): void {
    this.#written.add(name);
    this.initializers.push({ name, dims: [...dims], dataType, rawData });
  }
}

function valueInfo(name: string, shape: Shape): Onnx.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: onnx.TensorProto.DataType.FLOAT, shape: { dim } } } };
}
