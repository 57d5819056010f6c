import { ensureBytes, instantiate } from "./wasm.js";

/** Exports of kernels/word2vec.wasm. Addresses and counts are signed 32-bit integers: read them with `>>> 0`. */
export interface Word2vecKernel {
  bytesFor(ids: number, dim: number, negative: number, longest: number): number;
  open(ids: number, dim: number, window: number, negative: number, cbow: number): void;
  inputsAt(): number;
  outputsAt(): number;
  aliasAt(): number;
  keepAt(): number;
  idsAt(): number;
  power(x: number, y: number): number;
  train(count: number, seed: bigint, alpha: number): number;
  readonly heapAt: { readonly value: number };
}

/** Sizes from which the kernel's memory is laid out. */
export interface Word2vecLayout {
  /** Number of distinct ids. */
  readonly ids: number;
  readonly dim: number;
  /** Maximum number of context ids on each side. */
  readonly window: number;
  /** Negative samples per positive pair. */
  readonly negative: number;
  readonly cbow: boolean;
  /** Maximum number of ids and ends of sequences in one call of `train`. */
  readonly longest: number;
}

/** A kernel with all the memory it needs; vectors are zeros. Null if that would exceed 4 GiB. */
export function word2vecKernel(
  layout: Word2vecLayout,
): { readonly memory: WebAssembly.Memory; readonly kernel: Word2vecKernel } | null {
  const { memory, kernel } = instantiate<Word2vecKernel>("word2vec");
  const { ids, dim, window, negative, cbow, longest } = layout;
  const bytes = kernel.heapAt.value + kernel.bytesFor(ids, dim, negative, longest) + 4096;
  if (bytes > 2 ** 32 - 65536) return null;
  ensureBytes(memory, bytes);
  kernel.open(ids, dim, window, negative, Number(cbow));
  return { memory, kernel };
}
