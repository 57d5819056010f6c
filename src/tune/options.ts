import type { Profile } from "./profile/profile.js";
import type { Metric } from "./question.js";
import type { Standing } from "./windows.js";

/** What to tune, on what data, within which limits. */
export interface TuneOptions {
  /** Path of a model spec. */
  readonly model: string;
  /**
   * Files, patterns, "cache:DIR" or "simulate:ROWS[:SEED[:FORMAT]]", in time order. They may be read several times: no pipes,
   * no topics.
   */
  readonly data: string | readonly string[];
  /** Bytes for the tables ("200MB"), or a share of the full tables' bytes ("10%"). Required without `set` and `rates`. */
  readonly budget?: string | number | undefined;
  /**
   * Directory of the ledger, the specs and the models. Default runs/tune-NAME. If it holds a ledger of the same question, that
   * is continued.
   */
  readonly out?: string | undefined;
  /** Approximate time limit: "30m". If all of the data would take longer, only their first part is used. Default: all. */
  readonly time?: string | undefined;
  /** Use only this many of the first events. Default: all. */
  readonly limit?: number | undefined;
  /** Values of the spec to try: "tables.ids.dim=4,8,16", "tables.*.optimizer.ftrl.alpha=0.05:1:log". */
  readonly set?: readonly string[] | undefined;
  /** With `set`: try this many random combinations instead of all. */
  readonly random?: number | undefined;
  /** Search for learning rates on the first 5 % of the events instead. */
  readonly rates?: boolean | undefined;
  /** Names of strategies to use. Default: all. */
  readonly strategies?: readonly string[] | undefined;
  /** Largest number of candidates. Default 24. */
  readonly candidates?: number | undefined;
  /** The metric that ranks candidates. Default auc; rates: logloss. */
  readonly metric?: Metric | undefined;
  /** Seed of random settings. Default 42. */
  readonly seed?: number | undefined;
  /** Train all candidates on all events, without eliminating any. Default false. */
  readonly exhaustive?: boolean | undefined;
  /** Also train the choice at 1/8 to 4 times the budget: the curve of quality against size. Default false. */
  readonly curve?: boolean | undefined;
  /**
   * Also prune the full model to the budget by its vectors' lengths, as a baseline for every strategy. Only with `budget`.
   * Default false.
   */
  readonly pruning?: boolean | undefined;
  /** Learning threads. Default: all cores. */
  readonly workers?: number | undefined;
  /** When it aborts, the ledger is kept, and the same call continues it. */
  readonly signal?: AbortSignal | undefined;
  /** Called from time to time. */
  readonly onProgress?: ((progress: TuneProgress) => void) | undefined;
}

/** A setting of `set` that is no valid spec, so that it is left out. */
export interface RefusedSetting {
  /** `tables.ids.dim=-1`. */
  readonly name: string;
  /** What is wrong with it. */
  readonly error: string;
}

/** Progress of tuning. */
export type TuneProgress =
  | ({ readonly stage: "refused" } & RefusedSetting)
  | { readonly stage: "decode" | "profile"; readonly events: number; readonly done: number | null }
  | { readonly stage: "profiled"; readonly profile: Profile }
  | {
      readonly stage: "train";
      readonly done: number;
      readonly seconds: number;
      readonly candidates: number;
      /** The best AUC over all events so far, and its candidate. */
      readonly leader: { readonly name: string; readonly auc: number | null } | null;
    }
  | { readonly stage: "rung"; readonly events: number; readonly kept: number; readonly left: number };

/** The result of one candidate. */
export interface CandidateReport {
  /** Unique among the candidates: the strategy, and its proposal. */
  readonly name: string;
  /** Path of its spec. */
  readonly spec: string;
  /** Upper bound of its tables' bytes. null: they may grow without limit. */
  readonly bytes: number | null;
  /** On its last window: events `from` to `to`, each scored before it was learned. null if it was never scored. */
  readonly auc: number | null;
  /** Paired standard error of `auc_difference`. */
  readonly auc_se: number | null;
  /** AUC minus the reference's on the same events. */
  readonly auc_difference: number | null;
  /** Mean logarithmic loss, in nats. */
  readonly logloss: number | null;
  /** Logloss ÷ that of always predicting the click rate. */
  readonly normalized_entropy: number | null;
  /** The first event of its window. */
  readonly from: number;
  /** The position after its window. */
  readonly to: number;
  /** Its window consists of events later than those it was chosen by. */
  readonly judged: boolean;
  /** No candidate with figures for the same window is both better and smaller. */
  readonly pareto: boolean;
  /** From the start of the comparison to the candidate's end. */
  readonly seconds: number | null;
  /** Microseconds to score an event in a request of 100; null if not measured. */
  readonly us_per_score: number | null;
  /** Why it could not learn; null if it could. */
  readonly error: string | null;
  /** Row of the ledger: `hashbrook tune --again DIR ROW` reproduces it. */
  readonly row: number | null;
}

/** The chosen tables at one size. */
export interface CurvePoint extends Standing {
  /** Upper bound of the tables' bytes. */
  readonly bytes: number;
  /** Path of the spec. */
  readonly spec: string;
  /** Microseconds to score an event in a request of 100. */
  readonly us_per_score: number | null;
}

/**
 * The full model as of the choice, without its shortest rows, compared with itself with all rows, both frozen, on the events
 * that judge.
 */
export interface PruningReport extends Standing {
  /** Share of rows kept. */
  readonly keep: number;
  /** Bytes of its tables. */
  readonly bytes: number;
}

/** The result of tuning. */
export interface TuneReport {
  /** Bytes; null if none was given. */
  readonly budget: number | null;
  /** Upper bound of the ready spec's table bytes: rows with optimizer state, index, filters, decoders. */
  readonly bytes: number;
  /** Path of the ready spec. */
  readonly spec: string;
  /** Name of the chosen candidate. */
  readonly chosen: string;
  /** Directory of its checkpoint after the events used. */
  readonly checkpoint: string;
  /** Quality of the ready spec on events later than those it was chosen by. */
  readonly auc: number;
  /** Mean logarithmic loss, in nats. */
  readonly logloss: number;
  /** Logloss ÷ that of always predicting the click rate. */
  readonly normalized_entropy: number;
  /** AUC minus the reference's; its paired standard error follows. */
  readonly auc_difference: number;
  /** Standard error of `auc_difference`. */
  readonly auc_se: number | null;
  /** The same model with full tables (set, rates: as written), on the same events. */
  readonly reference: Pick<Standing, "auc" | "logloss" | "normalized_entropy"> & {
    readonly bytes: number;
    readonly spec: string;
  };
  /** Best first: those that advanced further precede those that were eliminated. */
  readonly candidates: readonly CandidateReport[];
  /** With `curve`: the choice at several sizes, including its own, on the same events, the smallest first. */
  readonly curve: readonly CurvePoint[];
  /** With `pruning`: plain magnitude pruning to the budget. null: not requested. */
  readonly pruning: PruningReport | null;
  /** Events that were used. */
  readonly events: number;
  /** The range of events the choice was judged on. */
  readonly judged: { readonly from: number; readonly to: number };
  /** Events that all models together learned, and the number if all candidates had learned all events. */
  readonly cost: { readonly trained_events: number; readonly exhaustive_events: number };
  /** Statistics of the fields. */
  readonly profile: Profile;
  /** Path of the ledger. */
  readonly ledger: string;
}
