import { ensureBytes, instantiate } from "../kernels/wasm.js";

/** Exports of kernels/metric.wasm: addresses and counts are numbers. */
export interface MetricKernel {
  heapBase(): number;
  sigmoid(logits: number, out: number, rows: number): void;
  logistic(x: number): number;
  ln(x: number): number;
  accumulate(
    totals: number,
    kept: number,
    scores: number,
    probabilities: number,
    labels: number,
    weights: number,
    rows: number,
  ): void;
  sort(from: number, other: number, count: number): number;
  toCells(rows: number, count: number, cells: number): number;
  toShares(cells: number, count: number): void;
  merge(a: number, countA: number, b: number, countB: number, out: number): number;
  shrink(cells: number, count: number, capacity: number): number;
  design(list: number, count: number, ids: number): number;
  layOut(ids: number, count: number): void;
  tally(rows: number, count: number, accumulator: number): void;
  spread(list: number, count: number, accumulator: number): void;
  moveTo(from: number, a: number, b: number, c: number): void;
  takeSingles(accumulator: number, out: number): void;
  addSingles(singles: number, accumulator: number): void;
  placesOf(ids: number, count: number, places: number): void;
  moveSingles(singles: number, count: number, places: number, accumulator: number): void;
  measureAll(accumulator: number): void;
  aucError(): number;
  crowding(rows: number): number;
  listOf(accumulator: number, list: number): number;
  evaluate(totals: number, cells: number, count: number, out: number): void;
}

/** A fresh kernel and the first free address of its memory, a multiple of 16. */
export function metricKernel(): { memory: WebAssembly.Memory; kernel: MetricKernel; base: number } {
  const { memory, kernel } = instantiate<MetricKernel>("metric");
  return { memory, kernel, base: (kernel.heapBase() + 15) & ~15 };
}

let shared: ReturnType<typeof metricKernel> | undefined;

/**
 * Click probabilities of logits: p = 1 / (1 + exp(-x)), computed in f64, rounded to f32 and kept strictly inside (0, 1).
 * Training metrics, `predict` and `serve` all use this function. A NaN logit gives NaN.
 */
export function sigmoid(logits: Float32Array): Float32Array<ArrayBuffer> {
  shared ??= metricKernel();
  const { memory, kernel, base } = shared;
  ensureBytes(memory, base + logits.byteLength);
  const inPlace = new Float32Array(memory.buffer, base, logits.length);
  inPlace.set(logits);
  kernel.sigmoid(base, base, logits.length);
  return inPlace.slice();
}

/** The probability of one logit as `sigmoid` computes it, before rounding to f32. */
export function logistic(logit: number): number {
  shared ??= metricKernel();
  return shared.kernel.logistic(logit);
}

/** Natural logarithm by the kernel: the same bits in every version of Node, which Math.log does not guarantee. */
export function ln(x: number): number {
  shared ??= metricKernel();
  return shared.kernel.ln(x);
}
