import { comparePaired, type PairedDifference } from "../../metrics/paired.js";
import type { ScoredStream } from "../../metrics/score-blocks.js";
import type { Figures } from "./messages.js";
import type { Pair, Round, TogetherProgress } from "./options.js";

/** How seldom something is to be told of models that do not differ. */
const TELLING = 0.05;

/** The newest figures of every contender, and how they compare. */
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

  /** Of all contenders but the reference that have figures. */
  pairs(): Pair[] {
    const [reference, ...others] = this.figures;
    if (!reference) return [];
    return others.flatMap((figures, i) =>
      figures ? [this.pair(this.names[i + 1], comparePaired(reference.scores, figures.scores))] : [],
    );
  }

  private pair(name: string, difference: PairedDifference): Pair {
    const { p, logloss } = difference;
    const p_all = p === null ? null : Math.min(1, p * (this.names.length - 1));
    const told = p_all !== null && p_all < TELLING;
    const verdict = told ? (logloss.difference < 0 ? "better" : "worse") : null;
    return { name, reference: this.names[0], ...difference, p_all, verdict };
  }

  progress(active: readonly number[]): TogetherProgress {
    return {
      contenders: active.flatMap((i) => {
        const figures = this.figures[i];
        return figures ? [{ name: this.names[i], progress: figures.progress }] : [];
      }),
      pairs: this.pairs(),
    };
  }

  round(round: number, events: number, active: readonly number[]): Round {
    const contenders = this.progress(active).contenders.map(({ name, progress }) => ({
      scores: this.scores(this.names.indexOf(name))!,
      name,
      examples: progress.examples,
      metrics: progress.lifetime,
      window: progress.window,
      bytes: progress.table_bytes,
    }));
    return { round, events, contenders, pairs: this.pairs() };
  }
}
