import type { InferenceSession } from "onnxruntime-common";
import { HashbrookError } from "../core/errors.js";
import { toOnnx } from "../graph/onnx.js";
import type { Runtime, Session, Views } from "./runtime.js";

type Ort = typeof import("onnxruntime-common");

/** ONNX Runtime's WebAssembly build, in one thread: replaces the native one in bundles for browsers. */
export async function loadOnnxruntime(): Promise<Runtime> {
  const ort = await imported();
  // More threads would need a cross-origin isolated page, and would change the order of additions.
  ort.env.wasm.numThreads = 1;
  return {
    name: "onnxruntime",
    async load(graph) {
      const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" } as const;
      return new WebSession(ort, await ort.InferenceSession.create(toOnnx(graph), options));
    },
  };
}

async function imported(): Promise<Ort> {
  try {
    return (await import("onnxruntime-web/wasm")) as unknown as Ort;
  } catch (cause) {
    throw new HashbrookError("runtime_unavailable", "the tower's runtime onnxruntime-web cannot be loaded", {
      hint: "npm install onnxruntime-web, or name it in the page's import map",
      cause,
    });
  }
}

/** A graph whose inputs and outputs are copied into and out of the runtime's own memory. */
class WebSession implements Session {
  private readonly ort: Ort;
  private readonly session: InferenceSession;

  constructor(ort: Ort, session: InferenceSession) {
    this.ort = ort;
    this.session = session;
  }

  async run(feeds: Views, fetches: Views): Promise<void> {
    const { Tensor } = this.ort;
    const inputs = Object.entries(feeds).map(([name, { data, shape }]) => [name, new Tensor("float32", data, shape)]);
    const outputs = await this.session.run(Object.fromEntries(inputs), Object.keys(fetches));
    for (const [name, { data }] of Object.entries(fetches)) data.set((await outputs[name].getData()) as Float32Array);
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}
