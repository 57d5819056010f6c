import type { Sums } from "../core/bf16.js";
import { type Block, bytesOf, type SavedBlocks, savedBytes } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import type { Parameter } from "../graph/layers.js";
import { stageSums } from "../kernels/staged-sums.js";
import { type TableKernel, tableKernel } from "../kernels/table.js";
import { type Optimizer, type OptimizerSpec, optimizerFor } from "./index.js";

/** Floats that are copied into the kernel's memory at a time: few enough to stay in the processor's cache. */
const STAGED = 1 << 13;

/** A sum of squares below this contains no gradient over 1e15. */
const SMALL_SQUARES = 1e29;

/** A named tensor over this optimizer's memory. */
export interface DenseView {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** The location of one parameter: addresses of its weights, its gradient and its other slots, all 64-byte aligned. */
interface Region {
  readonly name: string;
  readonly shape: readonly number[];
  readonly size: number;
  readonly rows: number;
  readonly columns: number;
  readonly w: number;
  readonly gradient: number;
  readonly slots: readonly { readonly name: string; readonly at: number; readonly shape: readonly number[] }[];
}

/**
 * The dense weights of a tower and their optimizer, in one unshared memory that never grows: weights and gradients are
 * views which ONNX Runtime reads and writes in place. The update kernels are those of the embedding tables. For
 * optimizers that treat rows as a whole (row-wise AdaGrad, group lasso), a parameter [r, c] is r rows if c is a
 * multiple of 4, else one row.
 */
export class DenseOptimizer {
  private readonly optimizer: Optimizer;
  private readonly kernel: TableKernel;
  private readonly memory: WebAssembly.Memory;
  private readonly regions: readonly Region[];
  private readonly powersName: string;
  /** Space for `STAGED` floats. */
  private readonly stage: number;
  private changes = 0;

  /**
   * @param name distinguishes several in one model: it is part of the names of blocks that belong to no parameter. The
   *   tower's has none.
   */
  constructor(spec: OptimizerSpec, parameters: readonly Parameter[], name?: string) {
    this.powersName = name === undefined ? "dense/powers" : `dense/${name}/powers`;
    this.optimizer = optimizerFor(spec);
    const { kernel, memory } = tableKernel();
    this.kernel = kernel;
    this.memory = memory;
    kernel.configureOptimizer(this.optimizer.id, ...this.optimizer.hyper);
    this.stage = kernel.workspace(STAGED * 4) >>> 0;
    this.regions = parameters.map((parameter) => this.allocate(parameter));
    parameters.forEach((parameter, i) => {
      this.initialise(this.regions[i], parameter.initial);
    });
  }

  /** The weights by name: views that stay valid and current for the optimizer's lifetime. */
  parameters(): Record<string, DenseView> {
    return this.views((region) => region.w);
  }

  /** The memory for gradients, by name, in the shapes of the parameters. */
  gradients(): Record<string, DenseView> {
    return this.views((region) => region.gradient);
  }

  /** Total number of weights. */
  get size(): number {
    return this.regions.reduce((sum, { size }) => sum + size, 0);
  }

  /** Changes with every change of a weight: by `step`, `restore`, or `written`. */
  get version(): number {
    return this.changes;
  }

  /** Call after writing weights into the views of `parameters`. */
  written(): void {
    this.changes++;
  }

  /** Sets all weights of one parameter to `value`, with fresh optimizer state. */
  start(name: string, value: number): void {
    const region = this.regions.find((candidate) => candidate.name === name)!;
    this.initialise(region, new Float32Array(region.size).fill(value));
    this.changes++;
  }

  /**
   * One optimizer step over all weights with their gradients times `scale` (1 / rows turns a batch's sum into its
   * mean).
   */
  step(scale: number): void {
    this.changes++;
    this.kernel.beginStep();
    for (const region of this.regions) {
      const { w, gradient, rows, columns } = region;
      this.kernel.denseStep(w, ...slotAddresses(region), gradient, rows, columns, scale);
    }
  }

  /** A copy of all gradients, concatenated. */
  copyGradients(): Float32Array {
    const all = new Float32Array(this.size);
    let at = 0;
    for (const { gradient, size } of this.regions) {
      all.set(this.floats(gradient, size), at);
      at += size;
    }
    return all;
  }

  /** Sets the gradients to the sum of such copies, in their order. */
  sumGradients(copies: readonly Sums[]): void {
    let at = 0;
    for (const { gradient, size } of this.regions) {
      this.floats(gradient, size).fill(0);
      for (const copy of copies) this.addGradients(gradient, copy.subarray(at, at + size));
      at += size;
    }
  }

  private addGradients(gradient: number, copy: Sums): void {
    for (let from = 0; from < copy.length; from += STAGED) {
      const some = copy.subarray(from, from + STAGED);
      // A parameter's padding stays as it is.
      const staged = this.floats(this.stage, (some.length + 3) & ~3);
      stageSums(this.kernel, staged, some);
      staged.fill(0, some.length);
      this.kernel.denseAdd(gradient + from * 4, this.stage, some.length);
    }
  }

  /** As `sumGradients`, each copy times its share. */
  sumShares(copies: readonly Float32Array[], shares: readonly number[]): void {
    let at = 0;
    for (const { gradient, size } of this.regions) {
      const sum = this.floats(gradient, size).fill(0);
      for (const [c, copy] of copies.entries()) for (let i = 0; i < size; i++) sum[i] += shares[c] * copy[at + i];
      at += size;
    }
  }

  /** The sum of the gradients' squares; not finite where they are not. */
  gradientSquares(): number {
    return this.regions.reduce((sum, { gradient, size }) => sum + this.kernel.denseSquares(gradient, size), 0);
  }

  /**
   * False when a gradient is NaN, infinite or so large (over 1e15) that its square would not stay finite.
   * @param squares the result of `gradientSquares`, if known: a small sum proves that all gradients are fine
   */
  gradientsFinite(squares = Number.NaN): boolean {
    return (
      squares < SMALL_SQUARES ||
      this.regions.every(({ gradient, size }) => this.kernel.denseUsable(gradient, size) === 1)
    );
  }

  /**
   * Weights and slots as `dense/<parameter>/<slot>`, and what counting steps adds (Adam's powers of beta) as `dense/powers`
   * (`dense/<name>/powers`). Data are views.
   */
  blocks(): Block[] {
    const blocks: Block[] = this.regions.flatMap((region) =>
      this.tensors(region).map(({ slot, shape, view }) => {
        return { name: `dense/${region.name}/${slot}`, dtype: "F32" as const, shape, data: bytesOf(view) };
      }),
    );
    if (this.optimizer.countsSteps) {
      const powers = Float64Array.of(this.kernel.stepState1(), this.kernel.stepState2());
      blocks.push({ name: this.powersName, dtype: "F64", shape: [2], data: bytesOf(powers) });
    }
    return blocks;
  }

  /** @throws HashbrookError checkpoint_damaged when a block is missing or has another size; nothing is changed then. */
  restore(blocks: SavedBlocks): void {
    const saved = this.blocks().map((block) => {
      return { block, data: savedBytes(blocks, block.name, { bytes: block.data.byteLength }) };
    });
    for (const { block, data } of saved) block.data.set(data);
    this.changes++;
    const powers = saved.find(({ block }) => block.name === this.powersName);
    if (!powers) return;
    const [state1, state2] = new Float64Array(powers.data.slice().buffer);
    this.kernel.restoreSteps(state1, state2);
  }

  private allocate({ name, shape }: Parameter): Region {
    const size = shape.reduce((product, length) => product * length, 1);
    const last = shape[shape.length - 1] ?? 1;
    const rows = this.optimizer.wholeRows && shape.length > 1 && last % 4 === 0 ? size / last : 1;
    const take = (floats: number): number => {
      const at = this.kernel.workspace(((floats + 3) & ~3) * 4) >>> 0;
      if (at === 0) throw new HashbrookError("table_full", "the tower's dense weights need more than 4 GiB");
      return at;
    };
    const slots = this.optimizer.slots
      .filter((slot) => slot.name !== "w")
      .map((slot) => ({
        name: slot.name,
        at: take(slot.shared ? rows * 4 : size),
        shape: slot.shared ? [rows, 4] : shape,
      }));
    return { name, shape, size, rows, columns: size / rows, w: take(size), gradient: take(size), slots };
  }

  private initialise(region: Region, initial: Float32Array): void {
    this.floats(region.w, region.size).set(initial);
    this.kernel.denseInitialise(region.w, ...slotAddresses(region), region.rows, region.columns);
  }

  private views(address: (region: Region) => number): Record<string, DenseView> {
    return Object.fromEntries(
      this.regions.map((region) => {
        return [region.name, { data: this.floats(address(region), region.size), shape: region.shape }];
      }),
    );
  }

  private tensors(region: Region): { slot: string; shape: readonly number[]; view: Float32Array }[] {
    const slots = region.slots.map(({ name, at, shape }) => {
      const size = shape.reduce((product, length) => product * length, 1);
      return { slot: name, shape, view: this.floats(at, size) };
    });
    return [{ slot: "w", shape: region.shape, view: this.floats(region.w, region.size) }, ...slots];
  }

  private floats(at: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, count);
  }
}

function slotAddresses({ slots }: Region): [number, number] {
  return [slots[0]?.at ?? 0, slots[1]?.at ?? 0];
}
