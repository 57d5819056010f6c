import { moduleBytes } from "./module-bytes.js";

/**
 * The compiled kernel modules: scan (bytes → batch), table (rows, optimizers, lr, fm), metric (streaming metrics), split (a
 * batch's keys among several stores), hotness (which ids earn a row of their own), code (codes of deep hash embeddings), hash (XXH64 of bytes in pieces).
 */
export type KernelName = "scan" | "table" | "metric" | "split" | "hotness" | "code" | "hash";

/** Linear memories are addressed with 32 bits: 65,536 pages of 64 KiB = 4 GiB. */
export const PAGE_BYTES = 65536;

const modules = new Map<KernelName, WebAssembly.Module>();

/** A kernel module, compiled once. */
export function moduleOf(name: KernelName): WebAssembly.Module {
  let module = modules.get(name);
  if (!module) {
    module = new WebAssembly.Module(moduleBytes(name));
    modules.set(name, module);
  }
  return module;
}

/**
 * Makes a fresh instance of a kernel module over a memory of its own (not shared, so that ONNX Runtime can use it in place).
 * @param host functions the kernel may call, by name
 */
export function instantiate<Exports>(
  name: KernelName,
  host: Record<string, (...args: number[]) => number> = {},
): { memory: WebAssembly.Memory; kernel: Exports } {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536 });
  const abort = () => {
    throw new Error(`kernel ${name} aborted`);
  };
  const instance = new WebAssembly.Instance(moduleOf(name), { env: { memory, abort, ...host } });
  return { memory, kernel: instance.exports as Exports };
}

/** Grows `memory` until it holds at least `bytes`. Views over the old buffer are detached when it grows. */
export function ensureBytes(memory: WebAssembly.Memory, bytes: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES);
  if (missing > 0) memory.grow(missing);
}
