import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { InferenceSession } from "onnxruntime-common";
import { HashbrookError } from "../core/errors.js";
import { toOnnx } from "../graph/onnx.js";
import { BatchSession } from "./batch-session.js";
import { type OnnxBinding, OnnxSession } from "./onnx-session.js";
import type { Runtime } from "./runtime.js";

type Ort = typeof import("onnxruntime-common");

/** ONNX Runtime on the CPU, on the caller's memory without copies. A run blocks the calling thread. */
export async function loadOnnxruntime(): Promise<Runtime> {
  const binding = nativeBinding();
  const createSession = (model: Uint8Array, threads: number) =>
    new OnnxSession(binding, model, sessionOptions(threads));
  return {
    name: "onnxruntime",
    async load(graph, { threads, rows }) {
      const model = toOnnx(graph);
      const single = createSession(model, 1);
      if (rows === undefined || threads === 1) return single;
      return new BatchSession({ input: graph.inputs[0].name, rows, threads }, single, (count) =>
        createSession(model, count),
      );
    },
  };
}

/** The options of every session. Denormals are kept: flushing them would change the calling thread's JavaScript too. */
export function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ["cpu"],
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    // Pool threads spin briefly between the operators of a run, and never between runs: that is a quarter faster for small
    // towers, while pools that keep spinning halve each other's speed on busy cores.
    extra: { session: { force_spinning_stop: "1", intra_op: { allow_spinning: "1", spin_duration_us: "100" } } },
  };
}

/**
 * ONNX Runtime's interface, from the binaries that the build puts into the package (scripts/onnxruntime.mjs).
 * @throws HashbrookError runtime_unavailable if there are no binaries for this platform, or they cannot be loaded
 */
export function onnxruntime(): Ort {
  return loaded(() => createRequire(import.meta.url)("#onnxruntime") as Ort);
}

/** The native binding that `onnxruntime` calls. */
function nativeBinding(): OnnxBinding {
  return loaded(() => {
    const require = createRequire(import.meta.url);
    const { binding, initOrt } = require(join(dirname(require.resolve("#onnxruntime")), "binding.js"));
    initOrt();
    return binding as OnnxBinding;
  });
}

function loaded<T>(load: () => T): T {
  refuseTelemetry();
  try {
    return load();
  } catch (cause) {
    const platform = `${process.platform}/${process.arch}`;
    throw new HashbrookError("runtime_unavailable", `ONNX Runtime cannot be loaded on this machine (${platform})`, {
      hint: withoutBinaries(process.report.getReport() as SystemReport),
      cause,
    });
  }
}

/** The part of Node's report that names the system and its C library. */
export interface SystemReport {
  readonly header: { readonly platform: string; readonly glibcVersionRuntime?: string };
}

/** What to do where ONNX Runtime cannot be loaded. Its Linux binaries require glibc, which Alpine Linux lacks. */
export function withoutBinaries({ header: { platform, glibcVersionRuntime } }: SystemReport): string {
  const other = "npm install @tensorflow/tfjs, and set runtime: tensorflow in the spec's tower";
  const musl = platform === "linux" && glibcVersionRuntime === undefined;
  return musl ? `use an image with glibc, such as node:24-slim instead of node:24-alpine; or ${other}` : other;
}

/**
 * From 1.29 on, ONNX Runtime's own binaries send what they run to their maker, unless the environment says otherwise when
 * they are loaded. A thread changes the process's environment only if it shares it (SHARE_ENV).
 */
function refuseTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
}
