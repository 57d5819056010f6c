import type { Graph } from "../tower/graph.js";

/** A tensor in the caller's memory. `data` may be a view over a WebAssembly.Memory (not a shared one). */
export interface TensorView {
  readonly data: Float32Array;
  /** Row-major; its product is data.length. */
  readonly shape: readonly number[];
}

/** A loaded graph. One run at a time. */
export interface Session {
  /**
   * Runs the graph.
   * @param feeds every input and parameter of the graph, by name
   * @param fetches the wanted outputs, by name: results are written into their `data` in place
   */
  run(feeds: Readonly<Record<string, TensorView>>, fetches: Readonly<Record<string, TensorView>>): Promise<void>;
  /** Frees what the session holds. It cannot run afterwards. */
  release(): Promise<void>;
}

export interface Runtime {
  readonly name: "onnxruntime" | "tensorflow";
  /** @param options.threads threads of one run, the caller's included; results do not depend on it */
  load(graph: Graph, options: { readonly threads: number }): Promise<Session>;
}

/**
 * Loads a runtime's library, which is not touched before.
 * @throws HashbrookError runtime_unavailable when the library cannot be loaded on this machine
 */
export async function loadRuntime(name: Runtime["name"]): Promise<Runtime> {
  if (name === "tensorflow") return (await import("./tensorflow.js")).loadTensorflow();
  return (await import("./onnxruntime.js")).loadOnnxruntime();
}
