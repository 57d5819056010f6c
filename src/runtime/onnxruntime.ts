import type { InferenceSession, Tensor } from "onnxruntime-node";
import { HashbrookError } from "../core/errors.js";
import type { Graph } from "../tower/graph.js";
import { toOnnx } from "../tower/onnx.js";
import type { Runtime, Session, TensorView } from "./runtime.js";

type Ort = typeof import("onnxruntime-node");

/** ONNX Runtime on the CPU, over the caller's memory without copies. A run blocks the thread that calls it. */
export async function loadOnnxruntime(): Promise<Runtime> {
  const ort = await importOrt();
  return {
    name: "onnxruntime",
    async load(graph: Graph, { threads }: { threads: number }): Promise<Session> {
      const session = await ort.InferenceSession.create(toOnnx(graph), {
        executionProviders: ["cpu"],
        executionMode: "sequential",
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: "all",
        // A spinning pool keeps a core busy between runs that the decoding thread needs: with it, two threads on two busy
        // cores are twice as slow as one. Denormals stay: flushing them would change the calling thread's JavaScript too.
        extra: { session: { intra_op: { allow_spinning: "0" } } },
      });
      return new OnnxSession(ort, session);
    },
  };
}

async function importOrt(): Promise<Ort> {
  try {
    return (await import("onnxruntime-node")).default;
  } catch (cause) {
    throw new HashbrookError("runtime_unavailable", "onnxruntime-node cannot be loaded on this machine", {
      hint: "use runtime: tensorflow in the tower of the spec",
      cause,
    });
  }
}

class OnnxSession implements Session {
  readonly #ort: Ort;
  readonly #session: InferenceSession;
  readonly #feeds = new Map<string, Tensor>();
  readonly #fetches = new Map<string, Tensor>();

  constructor(ort: Ort, session: InferenceSession) {
    this.#ort = ort;
    this.#session = session;
  }

  async run(feeds: Readonly<Record<string, TensorView>>, fetches: Readonly<Record<string, TensorView>>): Promise<void> {
    await this.#session.run(this.#tensors(feeds, this.#feeds), this.#tensors(fetches, this.#fetches));
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  #tensors(views: Readonly<Record<string, TensorView>>, cache: Map<string, Tensor>): Record<string, Tensor> {
    const tensors: Record<string, Tensor> = {};
    for (const name in views) tensors[name] = this.#tensor(name, views[name], cache);
    return tensors;
  }

  /** Making a tensor costs more than looking it up, and a trainer passes the same memory at every step. */
  #tensor(name: string, { data, shape }: TensorView, cache: Map<string, Tensor>): Tensor {
    const cached = cache.get(name);
    if (cached && sameView(cached.data as Float32Array, data) && shape.every((dim, i) => dim === cached.dims[i])) {
      return cached;
    }
    const tensor = new this.#ort.Tensor("float32", data, shape);
    cache.set(name, tensor);
    return tensor;
  }
}

function sameView(a: Float32Array, b: Float32Array): boolean {
  return a === b || (a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.length === b.length);
}
