import type { Batch } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import type { Model, Norms } from "../model/model.js";
import { learningRate } from "../optimizers/index.js";
import type { CompiledSpec, OptimizerSpec } from "../spec/compiled.js";
import { learnsByEvent } from "../towers/index.js";

/** Examples in this process before anything is judged. */
const LEAST = 1_000;
/** The share is computed over the newest examples: this many to twice as many. */
const PART = 10_000;

interface Rate {
  /** As in a spec: "tower.optimizer.adam.learning_rate". */
  readonly path: string;
  readonly value: number;
  /** Ratio to the default. */
  readonly times: number;
}

/**
 * Ends a run that has stopped learning: too many of its newest examples changed nothing, because their gradients were
 * not finite.
 */
export class Divergence {
  private readonly most: number;
  private readonly spec: CompiledSpec;
  private batches = 0;
  private learned = 0;
  private previous = { examples: 0, skipped: 0 };
  private current = { examples: 0, skipped: 0 };

  /** @param most share of examples that may be skipped, 0..1 */
  constructor(most: number, spec: CompiledSpec) {
    this.most = most;
    this.spec = spec;
  }

  /**
   * Call after learning a batch.
   * @param examples learned so far, and in the newest checkpoint
   * @throws diverged
   */
  check(batch: Batch, skipped: number, model: Model, examples: { readonly now: number; readonly saved: number }): void {
    this.batches++;
    this.learned += batch.rows;
    if (this.current.examples >= PART) [this.previous, this.current] = [this.current, { examples: 0, skipped: 0 }];
    this.current.examples += batch.rows;
    this.current.skipped += skipped;
    const seen = this.previous.examples + this.current.examples;
    const lost = this.previous.skipped + this.current.skipped;
    if (skipped === 0 || this.learned < LEAST || lost <= this.most * seen) return;
    const place = `batch ${this.batches} (examples ${examples.now - batch.rows + 1} to ${examples.now})`;
    const share = `${lost} of the latest ${seen} examples (${percent(lost / seen)}) were skipped, since their gradients were not finite`;
    const message = `${place}: ${share}; --max-skipped is ${percent(this.most)}${normsText(model.norms())}`;
    throw new HashbrookError("diverged", message, { hint: hintOf(ratesOf(this.spec), examples.saved) });
  }
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

function normsText(norms: Norms | null): string {
  return norms
    ? `; the norm of the tower's gradient is ${short(norms.gradient)}, that of its weights ${short(norms.weights)}`
    : "";
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function hintOf([first, ...others]: readonly Rate[], saved: number): string {
  const also = others.length > 0 ? ` (then ${others.map(({ path }) => path).join(", ")})` : "";
  const kept = saved > 0 ? `; the checkpoint of ${saved} examples is kept` : "";
  return `lower ${first.path}, which is ${first.value}${also}, and train again; or scale numeric fields with large values (standardize, log1p)${kept}`;
}

/** The spec's learning rates, the largest multiple of its default first. */
function ratesOf({ tower, tables }: CompiledSpec): Rate[] {
  const rates = tables.map(({ name, role, optimizer }) =>
    rateOf(role === "wide" ? "wide" : `tables.${name}`, optimizer),
  );
  if (!learnsByEvent(tower.kind)) rates.push(rateOf("tower", tower.optimizer));
  return rates.sort((a, b) => b.times - a.times).slice(0, 3);
}

function rateOf(of: string, optimizer: OptimizerSpec): Rate {
  const { knob, value, times } = learningRate(optimizer);
  return { path: `${of}.optimizer.${optimizer.kind}.${knob}`, value, times };
}
