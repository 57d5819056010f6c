import type * as Tf from "@tensorflow/tfjs";
import { HashbrookError } from "../core/errors.js";
import { type Graph, type OpName, sameShape, type Tensor, type TensorOf, withRows } from "../graph/graph.js";
import type { Runtime, Session, Views } from "./runtime.js";

type TfApi = typeof Tf;

/** TensorFlow.js: `@tensorflow/tfjs-node` if installed, else the plain JavaScript `@tensorflow/tfjs`. */
export async function loadTensorflow(): Promise<Runtime> {
  const tf = await importTensorflow();
  return {
    name: "tensorflow",
    async load(graph: Graph): Promise<Session> {
      return new TensorflowSession(tf, graph);
    },
  };
}

async function importTensorflow(): Promise<TfApi> {
  // A variable keeps the compiler from requiring types of a package that may be missing.
  const native: string = "@tensorflow/tfjs-node";
  const tf = await importFirst<TfApi>([native, "@tensorflow/tfjs"]);
  tf.enableProdMode();
  await tf.ready();
  return tf;
}

async function importFirst<Module>(names: readonly string[]): Promise<Module> {
  const causes: unknown[] = [];
  for (const name of names) {
    try {
      const module = await import(name);
      return module.default ?? module;
    } catch (cause) {
      causes.push(cause);
    }
  }
  const name = names[names.length - 1];
  throw new HashbrookError(
    "runtime_unavailable",
    `runtime: tensorflow requires the package ${name}, which cannot be loaded`,
    {
      hint: `npm install ${name}, or use runtime: onnxruntime`,
      cause: causes,
    },
  );
}

/** What an operation needs to run: the library, its inputs' values, the batch's rows. */
interface Step {
  readonly tf: TfApi;
  readonly x: readonly Tf.Tensor[];
  readonly rows: number;
}

const kernels: { [K in Exclude<OpName, "input" | "parameter">]: (y: TensorOf<K>, step: Step) => Tf.Tensor } = {
  constant: (y, { tf }) => tf.tensor(y.data, y.shape as number[]),
  add: (_, { tf, x }) => tf.add(x[0], x[1]),
  sub: (_, { tf, x }) => tf.sub(x[0], x[1]),
  mul: (_, { tf, x }) => tf.mul(x[0], x[1]),
  div: (_, { tf, x }) => tf.div(x[0], x[1]),
  sqrt: (_, { tf, x }) => tf.sqrt(x[0]),
  relu: (_, { tf, x }) => tf.relu(x[0]),
  reluGradient: (_, { tf, x }) => tf.where(tf.greater(x[0], 0), x[1], tf.zerosLike(x[0])),
  sigmoid: (_, { tf, x }) => tf.sigmoid(x[0]),
  mish: (_, { tf, x }) => tf.mul(x[0], tf.tanh(tf.softplus(x[0]))),
  gemm: ({ transA, transB }, { tf, x }) => {
    const product = tf.matMul(x[0], x[1], transA, transB);
    return x[2] ? tf.add(product, x[2]) : product;
  },
  matmul: ({ transA, transB }, { tf, x }) => tf.matMul(x[0], x[1], transA, transB),
  concat: (_, { tf, x }) => tf.concat([...x], 1),
  slice: ({ start, end }, { tf, x }) => tf.slice(x[0], [0, start], [-1, end - start]),
  pad: ({ before, after, shape }, { tf, x }) =>
    tf.pad(
      x[0],
      shape.map((_, axis): [number, number] => (axis === 1 ? [before, after] : [0, 0])),
    ),
  gather: ({ indices }, { tf, x }) => tf.gather(x[0], tf.tensor1d([...indices], "int32"), 1),
  reshape: (y, { tf, x, rows }) => tf.reshape(x[0], withRows(y.shape, rows)),
  expand: (y, { tf, x, rows }) => tf.broadcastTo(x[0], withRows(y.shape, rows)),
  reduceSum: ({ axes, keepDims }, { tf, x }) => tf.sum(x[0], [...axes], keepDims),
};

class TensorflowSession implements Session {
  private readonly tf: TfApi;
  private readonly graph: Graph;
  private readonly live: readonly Tensor[];

  constructor(tf: TfApi, graph: Graph) {
    this.tf = tf;
    this.graph = graph;
    this.live = graph.live();
  }

  async run(feeds: Views, fetches: Views): Promise<void> {
    this.tf.tidy(() => {
      const values = this.evaluate(feeds);
      for (const [name, { data, shape }] of Object.entries(fetches)) {
        const tensor = this.graph.outputs.get(name);
        if (!tensor) throw new Error(`the graph has no output ${name}`);
        const value = values.get(tensor.id)!;
        if (!sameShape(value.shape, shape)) throw new Error(`output ${name} is [${value.shape}], not [${shape}]`);
        data.set(value.dataSync());
      }
    });
  }

  async release(): Promise<void> {}

  private evaluate(feeds: Views): Map<number, Tf.Tensor> {
    const tf = this.tf;
    const rows = feeds[this.graph.inputs[0].name].shape[0];
    const values = new Map<number, Tf.Tensor>();
    for (const tensor of this.live) {
      const x = tensor.inputs.map((input) => values.get(input.id)!);
      values.set(tensor.id, this.value(tensor, feeds, { tf, x, rows }));
    }
    return values;
  }

  private value(tensor: Tensor, feeds: Views, step: Step): Tf.Tensor {
    if (tensor.op === "input" || tensor.op === "parameter") {
      const feed = feeds[tensor.name];
      if (!feed) throw new Error(`no feed for input ${tensor.name}`);
      return step.tf.tensor(feed.data, [...feed.shape]);
    }
    return (kernels[tensor.op] as (y: Tensor, step: Step) => Tf.Tensor)(tensor, step);
  }
}
