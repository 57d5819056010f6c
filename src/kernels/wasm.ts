import { HashbrookError } from "../core/errors.js";
import { moduleBytes } from "./module-bytes.js";

/**
 * The compiled kernel modules: scan (bytes → batch), table (rows, optimizers, lr, fm), metric (streaming metrics),
 * split (distributes a batch's keys among several stores), hotness (selects ids for rows of their own), code (codes of
 * deep hash embeddings), hash (XXH64 of bytes in pieces), word2vec (id vectors from sequences), column (columns of
 * batches in an event cache).
 */
export type KernelName = "scan" | "table" | "metric" | "split" | "hotness" | "code" | "hash" | "word2vec" | "column";

/** WebAssembly page size. Linear memories are addressed with 32 bits: 65,536 pages of 64 KiB = 4 GiB. */
export const PAGE_BYTES = 65536;

const modules = new Map<string, WebAssembly.Module>();

/** A kernel module, compiled once per process. @param form "-shared": the build for memory shared between threads */
export function moduleOf(name: KernelName, form: "" | "-shared" = ""): WebAssembly.Module {
  needWebAssembly();
  const file = `${name}${form}`;
  let module = modules.get(file);
  if (!module) {
    module = compiled(file);
    modules.set(file, module);
  }
  return module;
}

function compiled(file: string): WebAssembly.Module {
  try {
    return new WebAssembly.Module(moduleBytes(file));
  } catch (cause) {
    if (!(cause instanceof WebAssembly.CompileError)) throw cause;
    throw new HashbrookError("runtime_unavailable", `a kernel cannot be compiled here: ${cause.message}`, {
      hint: "kernels need WebAssembly with SIMD: on x64 a processor, or a virtual machine's model of one, with SSE4.1",
      cause,
    });
  }
}

/** Whether Node has WebAssembly at all: hardened environments turn it off. @throws runtime_unavailable */
function needWebAssembly(): void {
  if (typeof WebAssembly !== "undefined") return;
  throw new HashbrookError("runtime_unavailable", "Node runs without WebAssembly, which the kernels are", {
    hint: "start it without --jitless (also in NODE_OPTIONS)",
  });
}

/** A memory that several threads can use. ONNX Runtime cannot use it, so its inputs are copied. */
export const sharedMemory = (): WebAssembly.Memory => newMemory(true);

/** V8 reserves the addresses of all 4 GiB, and guards around them, at once; memory is taken when it grows. */
function newMemory(shared: boolean): WebAssembly.Memory {
  needWebAssembly();
  try {
    return new WebAssembly.Memory({ initial: 16, maximum: 65536, shared });
  } catch (cause) {
    throw new HashbrookError("runtime_unavailable", "no address space for the memory of a kernel", {
      hint: "a kernel reserves about 10 GiB of address space, and uses little of it: lift the limit (ulimit -v unlimited)",
      cause,
    });
  }
}

/**
 * A new instance of a kernel module with its own memory (not shared, so that ONNX Runtime can use it in place).
 * @param host functions the kernel may call, by name
 * @param shared a memory shared by threads, instead of its own
 */
export function instantiate<Exports>(
  name: KernelName,
  host: Record<string, (...args: number[]) => number> = {},
  shared?: WebAssembly.Memory,
): { memory: WebAssembly.Memory; kernel: Exports } {
  const memory = shared ?? newMemory(false);
  const abort = () => {
    throw new Error(`kernel ${name} aborted`);
  };
  const instance = new WebAssembly.Instance(moduleOf(name, shared ? "-shared" : ""), {
    env: { memory, abort, ...host },
  });
  return { memory, kernel: instance.exports as Exports };
}

/** Grows `memory` to at least `bytes` bytes. Growing detaches views of the previous buffer. */
export function ensureBytes(memory: WebAssembly.Memory, bytes: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES);
  if (missing > 0) memory.grow(missing);
}
