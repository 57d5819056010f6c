import type { Rng } from "../../core/rng.js";
import type { CompiledSpec, CompiledTable } from "../../spec/compiled.js";
import type { FieldProfile } from "../profile/profile.js";

/** A table of the spec whose size is to be chosen. */
export interface TunedTable {
  readonly name: string;
  /**
   * True for the linear part beside a tower (`wide` in a spec): a table of single weights, of which only the number of rows can
   * be chosen.
   */
  readonly wide: boolean;
  /** Floats per vector in the spec. */
  readonly dim: number;
  /** Its options in the spec without anything that compresses it: those of the full table. */
  readonly options: TableOptions;
  /** The full table, compiled. */
  readonly compiled: CompiledTable;
  /** Bytes of the full table: `exact`, a row for every id of the data, f32, without eviction. */
  readonly bytes: number;
  /** Number of ids in the data. */
  readonly ids: number;
  /** Ids that occurred at least twice. */
  readonly repeated: number;
  /** Largest number of ids in a batch: a table with a row per id needs at least so many. */
  readonly batchIds: number;
  /** The fields it embeds, with their profiles. */
  readonly fields: readonly FieldProfile[];
  /** Information about the label from its fields, in bits, summed. */
  readonly information: number;
  /** Number of ids by frequency, most frequent first: [occurrences, ids]. */
  readonly occurrences: readonly (readonly [occurrences: number, ids: number])[];
}

/** Options of a table in the spec language (features/README.md, "tables"), without `budget`. */
export type TableOptions = Readonly<Record<string, unknown>>;

/** The input of a strategy: the model, the data, the bytes. */
export interface Problem {
  /** The spec with full tables, compiled. */
  readonly spec: CompiledSpec;
  /** True where the model learns event by event: lr, fm and ffm, which take `hash` and `exact` only. */
  readonly byEvent: boolean;
  /** The tables whose size is to be chosen, in spec order. Small ones keep all of their ids and are not included. */
  readonly tables: readonly TunedTable[];
  /** Bytes for all of `tables` together. */
  readonly budget: number;
  /** Seeded: the same problem gives the same proposals. */
  readonly random: Rng;
}

/** A proposal for a table. */
export interface TableProposal {
  /**
   * Its options in the spec language, replacing `TunedTable.options` (spread those first to keep the rest); without `budget`,
   * which is added. A function if they depend on the table's bytes.
   */
  readonly options: TableOptions | ((bytes: number) => TableOptions);
  /** Its share of the bytes, in proportion to the proposal's other tables. */
  readonly weight: number;
  /** More bytes than this are useless to it. Default: no limit. */
  readonly most?: number;
  /** The reason, in one line, which is written above the table in the ready spec. */
  readonly reason: string;
}

/** A model that fits the budget. */
export interface Proposal {
  /** Short, unique within the strategy: "exact-lru-int8". */
  readonly name: string;
  /** By the name of a tuned table; others are full. */
  readonly tables: Readonly<Record<string, TableProposal>>;
  /**
   * Other values of the spec that it changes, by path: { "train.warmup": 0 }. Changes to how events are decoded are refused.
   */
  readonly values?: Readonly<Record<string, unknown>>;
}

/**
 * A way to make a model smaller. One file of this folder, with a line in index.ts.
 *
 * A strategy proposes what each table becomes, and how the bytes are divided; `tune` turns that into specs within the budget
 * (`../fit.ts`), drops those that the spec language refuses, trains the rest side by side and chooses by the results. A
 * strategy neither reads data nor learns.
 */
export interface Strategy {
  /** Its name for --strategies and the ledger. */
  readonly name: string;
  /** One line of help. */
  readonly description: string;
  /** True: it is used only if --strategies names it. Default false. */
  readonly asked?: boolean;
  /** The best guesses first: if there are too many in total, every strategy's last ones are dropped. */
  propose(problem: Problem): Iterable<Proposal>;
}
