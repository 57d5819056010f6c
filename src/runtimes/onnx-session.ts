import { isMainThread } from "node:worker_threads";
import type { InferenceSession } from "onnxruntime-common";
import type { Session, Views } from "./runtime.js";

/** A tensor as the binding takes it. */
interface NativeTensor {
  readonly type: "float32";
  readonly dims: readonly number[];
  readonly location: "cpu";
  readonly data: Float32Array;
}

type NativeTensors = Readonly<Record<string, NativeTensor>>;

interface NativeSession {
  readonly inputMetadata: readonly { readonly name: string }[];
  readonly outputMetadata: readonly { readonly name: string }[];
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: InferenceSession.SessionOptions): void;
  run(feeds: NativeTensors, fetches: NativeTensors, options: object): unknown;
  dispose(): void;
}

/** The C++ part of onnxruntime-node; its JavaScript is only a layer over it. */
export interface OnnxBinding {
  readonly InferenceSession: new () => NativeSession;
  /** Sets `tensor` as the constructor of results in this thread. */
  initOrtOnce(logLevel: number, tensor: typeof result, isMainThread: boolean): void;
}

const WARNINGS = 2;

/** Thrown by `result` to end a run, created once: it is not an error. */
const WRITTEN = new Error("the outputs are written");
let inPlace = false;

/** Copying one output of at most this many floats takes less time than throwing. */
const MOST_COPIED = 2048;

/**
 * Constructs a result's tensor. After a run the binding copies every output into a new array, though it was written in place,
 * and passes the copies one by one. This ends the run at the first one, the logits: the others are half a megabyte per step,
 * and copying them takes as long as the updates of all embeddings.
 */
function result(type: string, data: unknown, dims: readonly number[]): object {
  if (inPlace) throw WRITTEN;
  return { type, data, dims, location: "cpu" };
}

/** A graph loaded by ONNX Runtime. A run blocks the thread that calls it. */
export class OnnxSession implements Session {
  private readonly session: NativeSession;
  private readonly inputs: readonly string[];
  private readonly outputs: readonly string[];
  /** Describing tensors takes time, and a trainer passes the same views at every step. */
  private readonly described = new WeakMap<Views, NativeTensors>();

  constructor(binding: OnnxBinding, model: Uint8Array, options: InferenceSession.SessionOptions) {
    binding.initOrtOnce(WARNINGS, result, isMainThread);
    this.session = new binding.InferenceSession();
    this.session.loadModel(model.buffer, model.byteOffset, model.byteLength, options);
    this.inputs = this.session.inputMetadata.map(({ name }) => name);
    this.outputs = this.session.outputMetadata.map(({ name }) => name);
  }

  async run(feeds: Views, fetches: Views): Promise<void> {
    const inputs = this.described.get(feeds) ?? this.describeInputs(feeds);
    const outputs = this.described.get(fetches) ?? this.describeOutputs(fetches);
    inPlace = !isSmall(outputs);
    try {
      this.session.run(inputs, outputs, {});
    } catch (error) {
      if (error !== WRITTEN) throw error;
    } finally {
      inPlace = false;
    }
  }

  async release(): Promise<void> {
    this.session.dispose();
  }

  private describeInputs(feeds: Views): NativeTensors {
    const missing = this.inputs.find((name) => !feeds[name]);
    if (missing !== undefined) throw new Error(`no feed for input ${missing}`);
    return this.describe(feeds);
  }

  private describeOutputs(fetches: Views): NativeTensors {
    const unknown = Object.keys(fetches).find((name) => !this.outputs.includes(name));
    if (unknown !== undefined) throw new Error(`the graph has no output ${unknown}`);
    return this.describe(fetches);
  }

  private describe(views: Views): NativeTensors {
    const tensors = Object.fromEntries(
      Object.entries(views).map(([name, { data, shape }]) => [
        name,
        { type: "float32", dims: [...shape], location: "cpu", data } as const,
      ]),
    );
    this.described.set(views, tensors);
    return tensors;
  }
}

function isSmall(outputs: NativeTensors): boolean {
  const [first, ...rest] = Object.values(outputs);
  return rest.length === 0 && first.data.length <= MOST_COPIED;
}
