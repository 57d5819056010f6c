import { comparePaired, type PairedDifference } from "../../metrics/paired.js";
import type { ScoredStream } from "../../metrics/score-blocks.js";
import type { Figures } from "./messages.js";
import type { Pair, Round, TogetherProgress } from "./options.js";

/** Significance level: the rate at which equal models may be called different. */
const SIGNIFICANCE = 0.05;

/** The newest figures of every contender, and their comparison. */
export class Standings {
  private readonly names: readonly string[];
  private readonly figures: (Figures | undefined)[];

  /** @param names the reference first */
  constructor(names: readonly string[]) {
    this.names = names;
    this.figures = names.map(() => undefined);
  }

  set(contender: number, figures: Figures): void {
    this.figures[contender] = figures;
  }

  scores(contender: number): ScoredStream | null {
    return this.figures[contender]?.scores ?? null;
  }

  /**
   * For all contenders but the reference with figures, as of now. Computed on first use, because leaving out every
   * block in turn for each contender is expensive, and most callbacks do not use it.
   */
  pairs(): () => Pair[] {
    const [reference, ...others] = this.figures;
    let pairs: Pair[] | undefined;
    const compared = () =>
      others.flatMap((figures, i) =>
        reference && figures ? [this.pair(this.names[i + 1], comparePaired(reference.scores, figures.scores))] : [],
      );
    return () => (pairs ??= compared());
  }

  private pair(name: string, difference: PairedDifference): Pair {
    const { p, logloss } = difference;
    const p_all = p === null ? null : Math.min(1, p * (this.names.length - 1));
    const isSignificant = p_all !== null && p_all < SIGNIFICANCE;
    const verdict = isSignificant ? (logloss.difference < 0 ? "better" : "worse") : null;
    return { name, reference: this.names[0], ...difference, p_all, verdict };
  }

  progress(active: readonly number[]): TogetherProgress {
    const contenders = this.active(active).map(({ name, figures: { progress } }) => ({ name, progress }));
    return withPairs({ contenders }, this.pairs());
  }

  round(round: number, events: number, active: readonly number[]): Round {
    const contenders = this.active(active).map(({ name, figures: { progress, scores } }) => ({
      scores,
      name,
      examples: progress.examples,
      metrics: progress.lifetime,
      window: progress.window,
      bytes: progress.table_bytes,
      evicted: progress.lifecycle?.evicted.capacity ?? 0,
    }));
    return withPairs({ round, events, contenders }, this.pairs());
  }

  private active(contenders: readonly number[]): { readonly name: string; readonly figures: Figures }[] {
    return contenders.flatMap((i) => {
      const figures = this.figures[i];
      return figures ? [{ name: this.names[i], figures }] : [];
    });
  }
}

/** The same, with pairs that are computed when they are read. */
export function withPairs<T extends object>(target: T, pairs: () => Pair[]): T & { readonly pairs: readonly Pair[] } {
  return Object.defineProperty(target, "pairs", { get: pairs, enumerable: true }) as T & { readonly pairs: Pair[] };
}
