import type { Batch } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { combinerOf } from "../fields/index.js";
import { constantKey } from "../tables/batch-path.js";
import type { RowStore } from "../tables/row-store.js";
import { learnsByEvent, rowOf } from "../towers/index.js";
import { EventModel } from "./event-model.js";
import type { Model } from "./model.js";

/** A row's features in one cell: a key and its multiplier; several for a bag. */
type Features = readonly (readonly [key: bigint, value: number])[];

/** For some rows, by cell of the table. */
export type Spread = readonly {
  /** The features if all rows have the same; null: they differ. */
  readonly shared: Features | null;
  /** By row. */
  readonly variances: Float64Array;
}[];

/**
 * The uncertainty of a logistic regression's logits: FTRL's n of a weight, the sum of its squared gradients, approximates the
 * information from its events, so the weight's variance is 1 / (prior + n).
 */
export class Uncertainty {
  private readonly model: EventModel;
  private readonly store: RowStore;
  private readonly prior: number;

  /**
   * @param prior precision (1 / variance) of a weight without events
   * @throws HashbrookError usage if the model's rows have no n
   */
  constructor(model: Model, prior: number) {
    const [table] = model.tables;
    const store = table?.stores[0];
    if (!(model instanceof EventModel) || !hasN(model, store)) throw noN(model.spec.name);
    this.model = model;
    this.store = store;
    this.prior = prior;
  }

  /** The contribution of each cell to the variances of the logits of rows [from, to). @param batch that was just scored */
  spread(batch: Batch, from: number, to: number): Spread {
    const known = new Map<bigint, number>();
    return this.cells(batch).map((cell) => {
      const features = Array.from({ length: to - from }, (_, i) => cell(from + i));
      const variances = Float64Array.from(features, (each) =>
        each.reduce((sum, [key, value]) => sum + value * value * this.variance(key, known), 0),
      );
      return { shared: features.every((each) => same(each, features[0])) ? features[0] : null, variances };
    });
  }

  /** For each cell of the table, its features in a row. */
  private cells(batch: Batch): ((row: number) => Features)[] {
    const { spec, numbers } = this.model;
    const [{ cells }] = spec.tables;
    const singles = cells.filter(({ kind }) => kind === "single");
    const keys = batch.keys(0);
    let bag = 0;
    return cells.flatMap((cell) => {
      if (cell.kind === "single") {
        const at = singles.indexOf(cell);
        return [(row: number): Features => [[keys[row * singles.length + at], 1]]];
      }
      if (cell.kind === "bag")
        return [bagOf(batch, bag++, combinerOf(spec.fields.find(({ name }) => name === cell.field)))];
      if (cell.kind === "bias") return [];
      const key = constantKey(cell);
      const column = spec.numbers.indexOf(cell.field);
      return [(row: number): Features => [[key, numbers.values[row * numbers.columns + column] || 0]]];
    });
  }

  private variance(key: bigint, known: Map<bigint, number>): number {
    const found = known.get(key);
    if (found !== undefined) return found;
    const n = this.store.lookup(key)?.state.n[0] ?? 0;
    const variance = 1 / (this.prior + n);
    known.set(key, variance);
    return variance;
  }
}

/** A bag's items, weighted as they are combined. */
function bagOf(batch: Batch, index: number, combiner: string): (row: number) => Features {
  const { offsets, keys, weights } = batch.bag(index);
  return (row) => {
    const places = Array.from({ length: offsets[row + 1] - offsets[row] }, (_, i) => offsets[row] + i);
    const sum = places.reduce((total, at) => total + weights[at], 0);
    const squares = places.reduce((total, at) => total + weights[at] * weights[at], 0);
    const scale = combiner === "sum" ? 1 : 1 / (combiner === "mean" ? sum : Math.sqrt(squares));
    return places.map((at) => [keys[at], Number.isFinite(scale) ? weights[at] * scale : 0]);
  };
}

/**
 * Standard deviations of a request's logits, without features shared by all candidates, which do not affect their order.
 * @param parts its rows, in whatever pieces they were scored
 */
export function deviationsOf(parts: readonly Spread[]): Float32Array {
  const rows = parts.reduce((sum, [cell]) => sum + (cell?.variances.length ?? 0), 0);
  const variances = new Float64Array(rows);
  for (const [c, { shared }] of parts[0].entries()) {
    const everywhere = shared && parts.every((part) => part[c].shared && same(part[c].shared, shared));
    if (everywhere) continue;
    let row = 0;
    for (const part of parts) for (const variance of part[c].variances) variances[row++] += variance;
  }
  return Float32Array.from(variances, Math.sqrt);
}

function same(a: Features, b: Features): boolean {
  return a.length === b.length && a.every(([key, value], i) => key === b[i][0] && value === b[i][1]);
}

/** Whether rows hold one weight with the sum of its squared gradients. */
function hasN({ spec, tables }: EventModel, store: RowStore): boolean {
  const [table] = spec.tables;
  const single = tables.length === 1 && learnsByEvent(spec.tower.kind) && rowOf(spec.tower.kind, table).floats === 1;
  const slots = store.layout.sections.map(({ name }) => name);
  return single && store.layout.precision === "f32" && slots.includes("n") && slots.includes("z");
}

function noN(name: string): HashbrookError {
  return new HashbrookError("usage", `--explore thompson: ${name} has no uncertainty estimates of its weights`, {
    hint: "use a tower with one weight per key that learns with ftrl, from --checkpoint, with --workers 0 and without --precision; epsilon-greedy:E and softmax:T support every model",
  });
}
