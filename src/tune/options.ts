import type { Profile } from "./profile/profile.js";
import type { Metric } from "./question.js";
import type { Standing } from "./windows.js";

/** What to tune, on what, within what. */
export interface TuneOptions {
  /** Path of a model spec. */
  readonly model: string;
  /** Files, patterns, "cache:DIR" or "simulate:ROWS[:SEED[:FORMAT]]", in the order of time. They may be read several times: no pipes, no topics. */
  readonly data: string | readonly string[];
  /** Bytes for the tables ("200MB"), or a share of the full tables' bytes ("10%"). With neither `set` nor `rates` required. */
  readonly budget?: string | number | undefined;
  /** Directory of the ledger, the specs and the models. Default runs/tune-NAME. One that holds a ledger of the same question is gone on with. */
  readonly out?: string | undefined;
  /** About how long it may take: "30m". Where all of the data would take longer, the first part of them is used. Default: all of them. */
  readonly time?: string | undefined;
  /** Use the first so many events. Default: all. */
  readonly limit?: number | undefined;
  /** Values of the spec to try: "tables.ids.dim=4,8,16", "tables.*.optimizer.ftrl.alpha=0.05:1:log". */
  readonly set?: readonly string[] | undefined;
  /** With `set`: so many combinations at random instead of all. */
  readonly random?: number | undefined;
  /** Look for learning rates on the first 5 % of the events instead. */
  readonly rates?: boolean | undefined;
  /** Names of strategies to ask. Default: all. */
  readonly strategies?: readonly string[] | undefined;
  /** Candidates at most. Default 24. */
  readonly candidates?: number | undefined;
  /** What candidates are ranked by. Default auc; rates: logloss. */
  readonly metric?: Metric | undefined;
  /** Of random settings. Default 42. */
  readonly seed?: number | undefined;
  /** Train all candidates over all events, and leave none behind. Default false. */
  readonly exhaustive?: boolean | undefined;
  /** Also train what was chosen at 1/8 to 4 times the budget: the curve of quality against bytes. Default false. */
  readonly curve?: boolean | undefined;
  /** Also prune the full model to the budget, by the length of its vectors: what every strategy must beat. With `budget` alone. Default false. */
  readonly pruning?: boolean | undefined;
  /** Threads that learn. Default: all cores. */
  readonly workers?: number | undefined;
  /** When it aborts, the ledger is kept, and the same call goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Called every now and then. */
  readonly onProgress?: ((progress: TuneProgress) => void) | undefined;
}

/** How far tuning has come. */
export type TuneProgress =
  | { readonly stage: "decode" | "profile"; readonly events: number; readonly done: number | null }
  | { readonly stage: "profiled"; readonly profile: Profile }
  | {
      readonly stage: "train";
      readonly done: number;
      readonly seconds: number;
      readonly candidates: number;
      /** The best AUC over all events so far, and whose it is. */
      readonly leader: { readonly name: string; readonly auc: number | null } | null;
    }
  | { readonly stage: "rung"; readonly events: number; readonly kept: number; readonly left: number };

/** How one candidate came out. */
export interface CandidateReport {
  /** Unique among the candidates: the strategy, and its proposal. */
  readonly name: string;
  /** Path of its spec. */
  readonly spec: string;
  /** Bytes that its tables take at most. null: they may grow without end. */
  readonly bytes: number | null;
  /** On its last window: events `from` to `to`, each scored before it was learned. null where it was never scored. */
  readonly auc: number | null;
  /** Standard error of `auc_difference`, paired. */
  readonly auc_se: number | null;
  /** AUC less the reference's on the same events. */
  readonly auc_difference: number | null;
  /** Mean logarithmic loss, in nats. */
  readonly logloss: number | null;
  /** Logloss ÷ that of always predicting the click rate. */
  readonly normalized_entropy: number | null;
  /** The first event of its window. */
  readonly from: number;
  /** Behind the last event of its window. */
  readonly to: number;
  /** Its window is of events later than those it was chosen by. */
  readonly judged: boolean;
  /** No candidate with figures of the same window is better and smaller. */
  readonly pareto: boolean;
  /** From the start of the comparison to the candidate's end. */
  readonly seconds: number | null;
  /** Microseconds to score an event in a request of 100; null where it was not measured. */
  readonly us_per_score: number | null;
  /** Why it could not learn; null where it could. */
  readonly error: string | null;
  /** Row of the ledger: `hashbrook tune --again DIR ROW` makes it again. */
  readonly row: number | null;
}

/** The chosen tables at one size. */
export interface CurvePoint extends Standing {
  /** Bytes that tables take at most. */
  readonly bytes: number;
  /** Path of the spec. */
  readonly spec: string;
  /** Microseconds to score an event in a request of 100. */
  readonly us_per_score: number | null;
}

/** The full model, learned until the choice, without its shortest rows: beside itself with all of them, both frozen, on the events that judge. */
export interface PruningReport extends Standing {
  /** Share of rows that are left. */
  readonly keep: number;
  /** Bytes of its tables. */
  readonly bytes: number;
}

/** What tuning found. */
export interface TuneReport {
  /** Bytes; null where none was given. */
  readonly budget: number | null;
  /** Bytes that the ready spec's tables take at most: rows with their optimizer's state, index, filters, decoders. */
  readonly bytes: number;
  /** Path of the ready spec. */
  readonly spec: string;
  /** Name of the candidate it is. */
  readonly chosen: string;
  /** Directory of the checkpoint it has after the events that were used. */
  readonly checkpoint: string;
  /** Of the ready spec on events later than those it was chosen by. */
  readonly auc: number;
  /** Mean logarithmic loss, in nats. */
  readonly logloss: number;
  /** Logloss ÷ that of always predicting the click rate. */
  readonly normalized_entropy: number;
  /** AUC less the reference's, and its standard error, paired. */
  readonly auc_difference: number;
  /** Standard error of `auc_difference`. */
  readonly auc_se: number | null;
  /** The same model with full tables (set, rates: as written), on the same events. */
  readonly reference: Pick<Standing, "auc" | "logloss" | "normalized_entropy"> & {
    readonly bytes: number;
    readonly spec: string;
  };
  /** The best first: those that came further before those that were left behind. */
  readonly candidates: readonly CandidateReport[];
  /** With `curve`: what was chosen at other sizes, on the same events, the smallest first; itself among them. */
  readonly curve: readonly CurvePoint[];
  /** With `pruning`: plain magnitude pruning to the budget. null: it was not asked for. */
  readonly pruning: PruningReport | null;
  /** Events that were used. */
  readonly events: number;
  /** The events the choice was judged on. */
  readonly judged: { readonly from: number; readonly to: number };
  /** Events that all models together learned, and what all candidates over all events would have. */
  readonly cost: { readonly trained_events: number; readonly exhaustive_events: number };
  /** What the fields are like. */
  readonly profile: Profile;
  /** Path of the ledger. */
  readonly ledger: string;
}
