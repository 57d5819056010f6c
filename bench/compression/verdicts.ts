import type { Dataset } from "./datasets.js";
import { ROUNDED } from "./encodings.js";
import { type Point, SEED } from "./measure.js";

/** Whether a published or required result was reproduced. */
export interface Verdict {
  readonly claim: string;
  readonly holds: boolean;
  readonly figures: readonly string[];
}

type Finding = Omit<Verdict, "claim">;

/** Points of the curves, by data set, encoding and budget. */
class Curves {
  private readonly points: readonly Point[];
  private readonly regimes: ReadonlyMap<string, Dataset["regime"]>;

  constructor(points: readonly Point[], datasets: readonly Dataset[]) {
    this.points = points;
    this.regimes = new Map(datasets.map(({ name, regime }) => [name, regime]));
  }

  /** Names of the data sets of a regime. */
  of(regime: Dataset["regime"]): string[] {
    return [...this.regimes].filter(([, own]) => own === regime).map(([name]) => name);
  }

  at(dataset: string, encoding: string, budget: number): Point | undefined {
    return this.points.find(
      (point) =>
        point.dataset === dataset && point.encoding === encoding && point.budget === budget && point.seed === SEED,
    );
  }

  /** Every encoding but the unbounded ones, at a budget. */
  all(dataset: string, budget: number): Point[] {
    const apart = new Set(["exact", ...ROUNDED.map(({ name }) => name)]);
    return this.points.filter(
      (point) => point.dataset === dataset && point.budget === budget && !apart.has(point.encoding),
    );
  }

  /** AUCs by seed. */
  seeds(dataset: string, encoding: string): Map<number, number> {
    const own = this.points.filter((point) => point.dataset === dataset && point.encoding === encoding);
    return new Map(own.map(({ seed, all }) => [seed, all.auc]));
  }
}

/** The orders and margins of the requirements and of the papers behind them. */
export function verdicts(points: readonly Point[], datasets: readonly Dataset[]): Verdict[] {
  const curves = new Curves(points, datasets);
  const claims: readonly (readonly [string, Finding])[] = [
    ["the hashing trick with a table for each field is the worst on ids alone (10, 5 and 1 %)", hashIsWorst(curves)],
    ["shared is within 0.3 pp of exact at 10 % on many fields", within(curves, "shared", 0.1, 0.003)],
    ["shared is above separate hash tables at 10 % on many fields", sharedBeatsHash(curves)],
    ["dhe is at least as good as hash at equal bytes, 5 % and below, on ids alone", dheBeatsHash(curves)],
    ["int8 with stochastic rounding is within 0.02 pp of f32", rounding(curves, "rowwise_int8", (d) => d >= -0.0002)],
    ["int8 with nearest rounding is visibly worse", rounding(curves, "rowwise_int8_nearest", (d) => d < -0.0005)],
    ["the best encoding at 10 % loses at most 0.1 pp on many fields", best(curves, 0.1, 0.001)],
    ["the best encoding at 1 % loses at most 0.5 pp on many fields", best(curves, 0.01, 0.005)],
    ["Globo: admission and eviction at 20 % lose at most 0.1 pp", churn(curves)],
  ];
  return claims.filter(([, { figures }]) => figures.length > 0).map(([claim, finding]) => ({ claim, ...finding }));
}

const pp = (difference: number): string => `${difference > 0 ? "+" : ""}${(difference * 100).toFixed(3)} pp`;
const percent = (budget: number): string => `${budget * 100} %`;
const delta = ({ all }: Point): string => `${pp(all.auc_delta)} ± ${(all.auc_delta_se * 100).toFixed(3)}`;

function hashIsWorst(curves: Curves): Finding {
  const places = curves.of("ids alone").flatMap((dataset) => [0.1, 0.05, 0.01].map((budget) => ({ dataset, budget })));
  const found = places.flatMap(({ dataset, budget }) => {
    const ranked = curves.all(dataset, budget).sort((a, b) => a.all.auc - b.all.auc);
    return ranked.length > 1 ? [{ dataset, budget, ranked }] : [];
  });
  return {
    holds: found.every(({ ranked }) => ranked[0].encoding === "hash"),
    figures: found.map(({ dataset, budget, ranked }) => {
      const order = ranked.map(({ encoding, all }) => `${encoding} ${all.auc.toFixed(4)}`);
      return `${dataset} at ${percent(budget)}: ${order.join(" < ")}`;
    }),
  };
}

function within(curves: Curves, encoding: string, budget: number, loss: number): Finding {
  const found = curves.of("many fields").flatMap((dataset) => curves.at(dataset, encoding, budget) ?? []);
  return {
    holds: found.every(({ all }) => all.auc_delta >= -loss),
    figures: found.map((point) => `${point.dataset}: ${delta(point)}`),
  };
}

function sharedBeatsHash(curves: Curves): Finding {
  return compared(curves.of("many fields"), [0.1], curves, "shared", (difference, error) => difference > 2 * error);
}

function dheBeatsHash(curves: Curves): Finding {
  return compared(curves.of("ids alone"), [0.05, 0.01, 0.001], curves, "dhe", (difference) => difference >= 0);
}

function compared(
  datasets: readonly string[],
  budgets: readonly number[],
  curves: Curves,
  encoding: string,
  better: (difference: number, error: number) => boolean,
): Finding {
  const found = datasets.flatMap((dataset) =>
    budgets.flatMap((budget) => {
      const [own, hash] = [curves.at(dataset, encoding, budget), curves.at(dataset, "hash", budget)];
      if (!own || !hash) return [];
      // Both differ from exact; their errors are assumed independent, which is conservative.
      const error = Math.hypot(own.all.auc_delta_se, hash.all.auc_delta_se);
      return [{ where: `${dataset} at ${percent(budget)}`, difference: own.all.auc - hash.all.auc, error }];
    }),
  );
  return {
    holds: found.every(({ difference, error }) => better(difference, error)),
    figures: found.map(({ where, difference, error }) => `${where}: ${pp(difference)} ± ${(error * 100).toFixed(3)}`),
  };
}

function rounding(curves: Curves, encoding: string, holds: (difference: number) => boolean): Finding {
  const found = curves.of("ids alone").flatMap((dataset) => {
    const plain = curves.seeds(dataset, "rowwise");
    const differences = [...curves.seeds(dataset, encoding)].map(([seed, auc]) => auc - plain.get(seed)!);
    return differences.length > 1 ? [{ dataset, ...summary(differences) }] : [];
  });
  return {
    holds: found.every(({ mean }) => holds(mean)),
    figures: found.map(({ dataset, mean, se, count }) => {
      return `${dataset}: ${pp(mean)} ± ${(se * 100).toFixed(3)} (${count} seeds)`;
    }),
  };
}

export function summary(values: readonly number[]): { mean: number; se: number; count: number } {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, se: Math.sqrt(variance / count), count };
}

function best(curves: Curves, budget: number, loss: number): Finding {
  const found = curves.of("many fields").flatMap((dataset) => {
    const [first] = curves.all(dataset, budget).sort((a, b) => b.all.auc - a.all.auc);
    return first ? [first] : [];
  });
  return {
    holds: found.every(({ all }) => all.auc_delta >= -loss),
    figures: found.map((point) => `${point.dataset}: ${point.encoding} ${delta(point)}`),
  };
}

function churn(curves: Curves): Finding {
  const point = curves.at("globo", "exact_admission", 0.2);
  if (!point) return { holds: false, figures: [] };
  const figure = `${percent(0.2)} of the bytes (${point.bytes}): ${delta(point)}`;
  return { holds: point.all.auc_delta >= -0.001, figures: [figure] };
}
