import { createRequire } from "node:module";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import { HashbrookError } from "../core/errors.js";
import type { Graph } from "../tower/graph.js";
import { toOnnx } from "../tower/onnx.js";
import { speedup } from "./probe.js";
import type { Runtime, Session, Views } from "./runtime.js";

type Ort = typeof import("onnxruntime-common");

/** More threads must be this much faster: they take processor time from the decoding thread. */
const WORTH = 1.1;

/** ONNX Runtime on the CPU, over the caller's memory without copies. A run blocks the thread that calls it. */
export async function loadOnnxruntime(): Promise<Runtime> {
  const ort = onnxruntime();
  return {
    name: "onnxruntime",
    async load(graph, { threads, rows }) {
      const model = toOnnx(graph);
      const single = await createSession(ort, model, 1);
      if (rows === undefined) return single;
      // Another number of threads cuts matrix products at other places, which can change the order of additions.
      for (let count = threads; count > 1; count = Math.floor(count / 2)) {
        const several = await createSession(ort, model, count);
        if ((await speedup(graph, rows, single, several)) > WORTH)
          return new BatchSession(graph, rows, several, single);
        await several.release();
      }
      return single;
    },
  };
}

async function createSession(ort: Ort, model: Uint8Array, threads: number): Promise<Session> {
  return new OnnxSession(ort, await ort.InferenceSession.create(model, sessionOptions(threads)));
}

/** The options of every session. Denormals stay: flushing them would change the calling thread's JavaScript too. */
export function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ["cpu"],
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    // Pool threads wait for the next operator of a run without sleeping, but not for long and never between runs: that is
    // a quarter faster for small towers, while pools that spin on cut each other to half their speed on busy cores.
    extra: { session: { force_spinning_stop: "1", intra_op: { allow_spinning: "1", spin_duration_us: "100" } } },
  };
}

/**
 * ONNX Runtime's own interface, from the files that the build lays beside the package's (scripts/onnxruntime.mjs).
 * @throws HashbrookError runtime_unavailable where it has no binaries, or they cannot be loaded
 */
export function onnxruntime(): Ort {
  try {
    return createRequire(import.meta.url)("#onnxruntime") as Ort;
  } catch (cause) {
    const platform = `${process.platform}/${process.arch}`;
    throw new HashbrookError("runtime_unavailable", `ONNX Runtime cannot be loaded on this machine (${platform})`, {
      hint: "npm install @tensorflow/tfjs, and use runtime: tensorflow in the tower of the spec",
      cause,
    });
  }
}

class OnnxSession implements Session {
  readonly #ort: Ort;
  readonly #session: InferenceSession;
  /** Making tensors costs more than looking them up, and a trainer passes the same views at every step. */
  readonly #made = new WeakMap<Views, Record<string, Tensor>>();

  constructor(ort: Ort, session: InferenceSession) {
    this.#ort = ort;
    this.#session = session;
  }

  async run(feeds: Views, fetches: Views): Promise<void> {
    const outputs = this.#made.get(fetches) ?? this.#outputs(fetches);
    drop(await this.#session.run(this.#tensors(feeds), outputs), outputs);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  #outputs(fetches: Views): Record<string, Tensor> {
    const unknown = Object.keys(fetches).find((name) => !this.#session.outputNames.includes(name));
    if (unknown !== undefined) throw new Error(`the graph has no output ${unknown}`);
    return this.#tensors(fetches);
  }

  #tensors(views: Views): Record<string, Tensor> {
    const made = this.#made.get(views);
    if (made) return made;
    const tensors: Record<string, Tensor> = {};
    for (const name in views) tensors[name] = new this.#ort.Tensor("float32", views[name].data, views[name].shape);
    this.#made.set(views, tensors);
    return tensors;
  }
}

/** Whole batches run on several threads, all other runs on one. */
class BatchSession implements Session {
  readonly #input: string;
  readonly #rows: number;
  readonly #several: Session;
  readonly #single: Session;

  constructor(graph: Graph, rows: number, several: Session, single: Session) {
    this.#input = graph.inputs[0].name;
    this.#rows = rows;
    this.#several = several;
    this.#single = single;
  }

  async run(feeds: Views, fetches: Views): Promise<void> {
    const whole = feeds[this.#input]?.shape[0] === this.#rows;
    await (whole ? this.#several : this.#single).run(feeds, fetches);
  }

  async release(): Promise<void> {
    await this.#several.release();
    await this.#single.release();
  }
}

/** What is posted here is detached and freed at once. */
const nowhere = closedPort();

/**
 * Frees the arrays a run returns. onnxruntime-node copies every output into a new ArrayBuffer, even when it has written the
 * output in place; left to the garbage collector, half a megabyte a step keeps its threads marking all the time (a fifth of
 * a trainer's processor time).
 */
function drop(results: InferenceSession.OnnxValueMapType, outputs: Record<string, Tensor>): void {
  const copies: ArrayBuffer[] = [];
  for (const name in results) {
    const buffer = (results[name].data as Float32Array).buffer as ArrayBuffer;
    if (buffer !== (outputs[name].data as Float32Array).buffer) copies.push(buffer);
  }
  nowhere.postMessage(null, copies);
}

function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  // glibc gives freed memory back to the system, to be zeroed page by page at the next step, when it is more than twice the
  // largest mapped block freed so far (mallopt(3), M_TRIM_THRESHOLD). Freeing one large block keeps the copies' memory.
  const large = new ArrayBuffer(16 << 20);
  port1.postMessage(null, [large]);
  return port1;
}
