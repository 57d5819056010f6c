import type { Rng } from "../../core/rng.js";
import type { CompiledSpec, CompiledTable } from "../../spec/compiled.js";
import type { FieldProfile } from "../profile/profile.js";

/** A table of the spec whose size is to be chosen. */
export interface TunedTable {
  readonly name: string;
  /** True for the linear part beside a tower (`wide` in a spec): a table of single weights, of which only the rows can be chosen. */
  readonly wide: boolean;
  /** Floats of a vector in the spec. */
  readonly dim: number;
  /** Its options as the spec has them, everything that compresses taken out: what the full table is. */
  readonly options: TableOptions;
  /** The full table, compiled. */
  readonly compiled: CompiledTable;
  /** Bytes of the full table: `exact`, a row for every id of the data, f32, nothing given up. */
  readonly bytes: number;
  /** Ids in the data. */
  readonly ids: number;
  /** Ids that came at least twice. */
  readonly repeated: number;
  /** Ids that a batch has at most: a table of rows of their own has at least as many. */
  readonly batchIds: number;
  /** The fields it embeds, as the data have them. */
  readonly fields: readonly FieldProfile[];
  /** Bits about the label that its fields tell, summed up. */
  readonly information: number;
  /** How many ids came so often, most often first: [occurrences, ids]. */
  readonly occurrences: readonly (readonly [occurrences: number, ids: number])[];
}

/** Options of a table in the spec language (features/README.md, "tables"), without `budget`. */
export type TableOptions = Readonly<Record<string, unknown>>;

/** What a strategy proposes from: the model, the data, the bytes. */
export interface Problem {
  /** The spec with full tables, compiled. */
  readonly spec: CompiledSpec;
  /** True where the model learns event by event: lr, fm and ffm, which take `hash` and `exact` only. */
  readonly byEvent: boolean;
  /** Those tables whose size is to be chosen, in the order of the spec. Small ones keep all of their ids and are not among them. */
  readonly tables: readonly TunedTable[];
  /** Bytes for all of `tables` together. */
  readonly budget: number;
  /** Seeded: the same problem has the same proposals. */
  readonly random: Rng;
}

/** What a table becomes. */
export interface TableProposal {
  /**
   * Its options in the spec language, in place of `TunedTable.options` (spread those first to keep what is not changed); without `budget`,
   * which is put there. A function where they depend on the bytes that the table gets.
   */
  readonly options: TableOptions | ((bytes: number) => TableOptions);
  /** Its part of the bytes, in proportion to the other tables' of the proposal. */
  readonly weight: number;
  /** More bytes than these are of no use to it. Default: no limit. */
  readonly most?: number;
  /** Why, in one line: goes above the table in the ready spec. */
  readonly reason: string;
}

/** A model that fits the budget. */
export interface Proposal {
  /** Short, unique within the strategy: "exact-lru-int8". */
  readonly name: string;
  /** By the name of a tuned table; one that is not here is full. */
  readonly tables: Readonly<Record<string, TableProposal>>;
  /** Other values of the spec that it changes, by path: { "train.warmup": 0 }. What changes how events are decoded is refused. */
  readonly values?: Readonly<Record<string, unknown>>;
}

/**
 * A way to make a model smaller. One file of this folder, with a line in index.ts.
 *
 * A strategy names what each table becomes, and how the bytes are shared out; `tune` turns that into specs that keep to the budget
 * (`../fit.ts`), leaves out what the spec language refuses, trains all proposals side by side and picks by what came out. A strategy
 * neither reads data nor learns.
 */
export interface Strategy {
  /** Word for --strategies and the ledger. */
  readonly name: string;
  /** One line of help. */
  readonly description: string;
  /** True: it takes part only where --strategies names it. Default false. */
  readonly asked?: boolean;
  /** The best guesses first: where there are too many in all, every strategy's last ones are left out. */
  propose(problem: Problem): Iterable<Proposal>;
}
