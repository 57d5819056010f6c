import { ensureBytes, instantiate } from "./wasm.js";

/** What kernels/word2vec.wasm exports. Addresses and counts come back as signed 32-bit integers: read them with `>>> 0`. */
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

/** What the kernel's memory is laid out for. */
export interface Word2vecLayout {
  /** Distinct ids. */
  readonly ids: number;
  readonly dim: number;
  /** Ids looked at on each side, at most. */
  readonly window: number;
  /** Drawn ids for each that is there. */
  readonly negative: number;
  readonly cbow: boolean;
  /** Ids and ends of sequences of one call of `train`, at most. */
  readonly longest: number;
}

/** A kernel with a memory that holds all it needs; vectors are zeros. Null where that would be more than 4 GiB. */
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
