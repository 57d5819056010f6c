import { comparePaired } from "../../metrics/paired.js";
import type { Figures } from "./messages.js";
import type { Pair, Round, TogetherProgress } from "./options.js";

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

  /** Of all contenders but the reference that have figures. */
  pairs(): Pair[] {
    const [reference, ...others] = this.figures;
    if (!reference) return [];
    return others.flatMap((figures, i) =>
      figures
        ? [{ name: this.names[i + 1], reference: this.names[0], ...comparePaired(reference.scores, figures.scores) }]
        : [],
    );
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
      name,
      examples: progress.examples,
      metrics: progress.lifetime,
      window: progress.window,
      bytes: progress.table_bytes,
    }));
    return { round, events, contenders, pairs: this.pairs() };
  }
}
