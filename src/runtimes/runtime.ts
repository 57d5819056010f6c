import type { Graph } from "../graph/graph.js";

/** A tensor in the caller's memory. `data` may be a view of a WebAssembly.Memory (not a shared one). */
export interface TensorView {
  readonly data: Float32Array;
  /** Row-major; its product is data.length. */
  readonly shape: readonly number[];
}

/** Tensors by name. Reuse the same object for many runs: a session caches what it prepares for it. */
export type Views = Readonly<Record<string, TensorView>>;

/** A loaded graph. One run at a time. */
export interface Session {
  /**
   * Runs the graph.
   * @param feeds every input and parameter of the graph, by name
   * @param fetches the requested outputs, by name: results are written into their `data` in place
   */
  run(feeds: Views, fetches: Views): Promise<void>;
  /** Frees the session's resources. It cannot run afterwards. */
  release(): Promise<void>;
}

export interface LoadOptions {
  /** Threads one run may use, the caller's included. Results do not depend on it. */
  readonly threads: number;
  /**
   * Rows of most runs: a training batch. Runs of exactly this many rows use several threads, after the first 64 and if that is
   * worthwhile and does not change a bit of the results; all others, and all runs by default, use one.
   */
  readonly rows?: number;
}

export interface Runtime {
  readonly name: "onnxruntime" | "tensorflow";
  /** The same graph and feeds give the same bits at every run, in every session, with any `threads`. */
  load(graph: Graph, options: LoadOptions): Promise<Session>;
}

/**
 * Loads a runtime's library on first use.
 * @throws HashbrookError runtime_unavailable when the library cannot be loaded on this machine
 */
export async function loadRuntime(name: Runtime["name"]): Promise<Runtime> {
  if (name === "tensorflow") return (await import("./tensorflow.js")).loadTensorflow();
  return (await import("./onnxruntime.js")).loadOnnxruntime();
}
