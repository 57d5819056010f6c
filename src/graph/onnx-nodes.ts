import { bytesOf } from "../core/blocks.js";
import { type Onnx, onnx } from "./onnx-proto.js";

/** The IR version of operator sets 17 and 18. */
const IR_VERSION = 8;

/** ONNX's numbers of element types. */
export const tensorTypes = {
  f32: onnx.TensorProto.DataType.FLOAT,
  f64: onnx.TensorProto.DataType.DOUBLE,
  i64: onnx.TensorProto.DataType.INT64,
  u64: onnx.TensorProto.DataType.UINT64,
  bool: onnx.TensorProto.DataType.BOOL,
} as const;

export type TensorType = keyof typeof tensorTypes;

export type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

/** The values of an initializer; bytes are booleans. */
export type TensorData = Float32Array | Float64Array | BigInt64Array | BigUint64Array | Uint8Array;

/** A size, or the name of one that is known only when the model runs. */
export type Size = number | string;

/** The nodes, initializers, inputs and outputs of a model under construction. Tensors are referred to by name. */
export class OnnxNodes {
  readonly nodes: Onnx.INodeProto[] = [];
  readonly initializers: Onnx.ITensorProto[] = [];
  readonly inputs: Onnx.IValueInfoProto[] = [];
  readonly outputs: Onnx.IValueInfoProto[] = [];
  private made = 0;

  /** @returns the name */
  input(name: string, type: TensorType, shape: readonly Size[]): string {
    if (this.inputs.some((other) => other.name === name)) throw new Error(`two inputs are named ${name}`);
    this.inputs.push(valueInfo(name, type, shape));
    return name;
  }

  output(name: string, type: TensorType, shape: readonly Size[]): void {
    this.outputs.push(valueInfo(name, type, shape));
  }

  write(opType: string, operands: readonly string[], output: string, attributes: Attributes = {}): void {
    const attribute = Object.entries(attributes).map(([name, value]) => ({ name, ...attributeOf(value) }));
    this.nodes.push({ opType, name: output, input: [...operands], output: [output], attribute });
  }

  /** Adds a node and returns the generated name of its output. */
  make(opType: string, operands: readonly string[], attributes: Attributes = {}): string {
    const name = `##${this.made++}`;
    this.write(opType, operands, name, attributes);
    return name;
  }

  /** The tensor with elements of another type. */
  cast(tensor: string, to: TensorType): string {
    return this.make("Cast", [tensor], { to: tensorTypes[to] });
  }

  initializer(name: string, dims: readonly number[], data: TensorData): void {
    this.initializers.push({ name, dims: [...dims], dataType: tensorTypes[typeOf(data)], rawData: bytesOf(data) });
  }

  /** Adds values under a generated name, which is returned. Default shape: one-dimensional. */
  constant(data: TensorData, dims: readonly number[] = [data.length]): string {
    const name = `##${this.made++}`;
    this.initializer(name, dims, data);
    return name;
  }

  /** Whole numbers as an initializer [n]: a shape, axes, indices. */
  integers(...values: readonly (number | bigint)[]): string {
    return this.constant(BigInt64Array.from(values, BigInt));
  }
}

/** The bytes of a model. */
export function encodeModel(
  { nodes, initializers, inputs, outputs }: OnnxNodes,
  { name, opset, metadata }: { name: string; opset: number; metadata: Readonly<Record<string, string>> },
): Uint8Array {
  const model: Onnx.IModelProto = {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: "", version: opset }],
    producerName: "hashbrook",
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: { name, node: nodes, initializer: initializers, input: inputs, output: outputs },
  };
  return onnx.ModelProto.encode(model).finish();
}

function attributeOf(value: Attributes[string]): Onnx.IAttributeProto {
  const { INT, INTS, STRING } = onnx.AttributeProto.AttributeType;
  if (typeof value === "number") return { i: value, type: INT };
  if (typeof value === "string") return { s: new TextEncoder().encode(value), type: STRING };
  return { ints: [...value], type: INTS };
}

function typeOf(data: TensorData): TensorType {
  if (data instanceof Float32Array) return "f32";
  if (data instanceof Float64Array) return "f64";
  if (data instanceof BigInt64Array) return "i64";
  return data instanceof BigUint64Array ? "u64" : "bool";
}

function valueInfo(name: string, type: TensorType, shape: readonly Size[]): Onnx.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: tensorTypes[type], shape: { dim } } } };
}
