import { Batch } from "../core/batch.js";
import { Rng } from "../core/rng.js";
import type { Model } from "../model/model.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { withParts } from "../spec/cross-parts.js";
import { type BlockQuality, blockQuality, type Change, Changes } from "./block-quality.js";
import { asModelSees, type ModelInput, modelInputs, Places } from "./inputs.js";

/** What a model loses without the values of a field. */
export interface Importance {
  /** The field; if several are read from one source, all of them, separated by commas. */
  readonly name: string;
  /** The fields whose values were permuted. */
  readonly fields: readonly string[];
  /** Their source; null: a cross on its own, whose parts were not permuted. */
  readonly source: string | null;
  /** Crosses that contain them, which were recomputed. */
  readonly crosses: readonly string[];
  /** Share of the events whose value changed. */
  readonly changed: number;
  /** Each event with the value of another one of its block. */
  readonly permuted: Change;
  /** Each event with the value missing; null for a cross on its own. */
  readonly left_out: Change | null;
}

interface Counted {
  readonly input: ModelInput;
  readonly places: Places;
  readonly permuted: Changes;
  readonly leftOut: Changes;
  changed: number;
}

export interface ImportanceOptions {
  readonly repetitions: number;
  readonly seed: number;
}

/** Measures the importance of each input of a model, block by block: permutes it within the block, and leaves it out. */
export class ImportanceMeter {
  private readonly model: Model;
  private readonly options: ImportanceOptions;
  private readonly counted: readonly Counted[];
  private readonly rng: Rng;
  private readonly work: ArrayBuffer;
  private rows = 0;

  /** @param layout that of `withParts(model.spec)` */
  constructor(model: Model, layout: Batch["layout"], options: ImportanceOptions) {
    const spec = withParts(model.spec);
    this.model = model;
    this.options = options;
    this.rng = new Rng(options.seed);
    this.work = new ArrayBuffer(layout.bytes);
    this.counted = modelInputs(model.spec).map((input) => {
      const places = new Places(spec, layout, input);
      return { input, places, permuted: new Changes(), leftOut: new Changes(), changed: 0 };
    });
  }

  /** How often every event is scored, in addition to the first time. */
  static runs(spec: CompiledSpec, repetitions: number): number {
    const inputs = modelInputs(spec);
    return inputs.length * repetitions + inputs.filter(({ source }) => source !== null).length;
  }

  /** @param logits of the unchanged block */
  async add(batch: Batch, logits: Float32Array): Promise<void> {
    const before = blockQuality(logits, batch.labels, batch.weights);
    const weight = batch.weights.reduce((sum, one) => sum + one, 0);
    for (const counted of this.counted) {
      const { places, input } = counted;
      const permuted: BlockQuality[] = [];
      for (let i = 0; i < this.options.repetitions; i++) {
        const order = this.order(batch.rows);
        counted.changed += places.changed(batch, order);
        permuted.push(await this.scored(batch, (to) => places.permute(batch, to, order)));
      }
      counted.permuted.add(before, permuted, weight);
      if (input.source === null) continue;
      counted.leftOut.add(before, [await this.scored(batch, (to) => places.blank(to))], weight);
    }
    this.rows += batch.rows;
  }

  /** In descending order of the log loss that permuting costs, with crosses on their own last. */
  result(): Importance[] {
    const found = this.counted.map(({ input, permuted, leftOut, changed }): Importance => {
      const share = this.rows > 0 ? changed / this.rows / this.options.repetitions : 0;
      const left = input.source === null ? null : leftOut.result();
      return { name: input.fields.join(", "), ...input, changed: share, permuted: permuted.result(), left_out: left };
    });
    const rank = ({ permuted }: Importance) => permuted.logloss ?? Number.NEGATIVE_INFINITY;
    const alone = ({ source }: Importance) => Number(source === null);
    return found.sort((a, b) => alone(a) - alone(b) || rank(b) - rank(a));
  }

  private async scored(batch: Batch, change: (to: Batch) => void): Promise<BlockQuality> {
    const { layout, rows, buffer, base } = batch;
    new Uint8Array(this.work).set(new Uint8Array(buffer, base, layout.bytes));
    const changed = new Batch(layout, rows, this.work);
    change(changed);
    const logits = await this.model.predict(asModelSees(changed, this.model.spec));
    return blockQuality(logits, batch.labels, batch.weights);
  }

  /** A random permutation of all rows (Fisher and Yates). */
  private order(rows: number): Uint32Array {
    const order = Uint32Array.from({ length: rows }, (_, r) => r);
    for (let r = rows - 1; r > 0; r--) {
      const other = this.rng.below(r + 1);
      [order[r], order[other]] = [order[other], order[r]];
    }
    return order;
  }
}
