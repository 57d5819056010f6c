/**
 * The canonical compiled form of a model spec: everything resolved, no defaults left open, no ranges, seeds computed.
 * It is plain JSON; its canonical text (keys sorted) is stored in every checkpoint and its XXH64 is the `spec_hash`.
 * All 64-bit numbers are 16-digit lower-case hex strings.
 */
export interface CompiledSpec {
  readonly name: string;
  /** `train.seed`: seeds hashing, embedding initialisation and the tower's initial weights. */
  readonly seed: number;
  /** Rows learned per update (towers) or handed over per message (lr, fm, which learn event by event). */
  readonly batch: number;
  /** Events per metrics window. */
  readonly window: number;
  readonly events: EventFormat;
  readonly label: LabelSpec;
  /** In spec order. */
  readonly fields: readonly CompiledField[];
  /** Order of tables here = order in the batch and in the tower. A table of role "wide" comes last. */
  readonly tables: readonly CompiledTable[];
  /** Names of the numeric fields that are columns of the dense matrix `numbers`, in column order. */
  readonly numbers: readonly string[];
  readonly tower: CompiledTower;
}

export type Format = "tsv" | "csv" | "json" | "vw";

export interface EventFormat {
  readonly format: Format;
  /** Column names in file order (tsv, csv). For csv/tsv with `header: true`, the header line must name at least these. Empty for json and vw. */
  readonly columns: readonly string[];
  /** True: the first line of every file names the columns. */
  readonly header: boolean;
  /** One byte, tsv and csv only. */
  readonly separator: string;
}

export interface LabelSpec {
  /** Source column (tsv/csv), dotted path (json). For vw the label is the first token: "label". */
  readonly from: string;
  /** A row is positive when its label text equals `equals` or, as a number, is >= `at_least`; any other valid number/text is negative. */
  readonly positive: { readonly equals: string } | { readonly at_least: number };
  /** Importance weight: a number > 0. */
  readonly weight: string | null;
  /** Event time. A row without one is rejected. */
  readonly time: { readonly from: string; readonly unit: "s" | "ms" } | null;
  /** Event id (hashed with seed 0). */
  readonly id: string | null;
  /** Events among which an id counts once; there only where there is an id. */
  readonly id_window?: number;
  /** A column with the true click probability (simulated data): scored beside the model, never learned from. */
  readonly oracle: string | null;
}

interface FieldBase {
  readonly name: string;
}

export type CompiledField =
  | (FieldBase & { readonly type: "categorical"; readonly from: string })
  | (FieldBase & {
      readonly type: "bag";
      readonly from: string;
      readonly separator: string;
      readonly combiner: Combiner;
      readonly max_length: number;
    })
  | (FieldBase & {
      readonly type: "numeric";
      readonly from: string;
      readonly transform: "raw" | "log1p" | "standardize";
      readonly missing: number;
    })
  /** Bucket index = count of boundaries <= x (0..boundaries.length); its key hashes the index's decimal text; missing hashes the empty text. */
  | (FieldBase & { readonly type: "buckets"; readonly from: string; readonly boundaries: readonly number[] })
  /** `of`: two or more fields of type categorical or buckets. */
  | (FieldBase & { readonly type: "cross"; readonly of: readonly string[] })
  | (FieldBase & {
      readonly type: "vector";
      readonly from: string;
      readonly separator: string;
      readonly length: number;
      readonly take: number;
    });

export type Combiner = "sum" | "mean" | "sqrtn";

export interface CompiledTable {
  readonly name: string;
  /** "embedding" feeds the tower; "wide" (dim 1) adds the sum of its weights to the logit. lr and fm have one table of role "embedding". */
  readonly role: "embedding" | "wide";
  readonly encoding: "hash" | "exact";
  /** hash: the fixed number of rows. exact: rows to reserve at the start (it grows). */
  readonly rows: number;
  /** Floats per row, as the tower sees it. */
  readonly dim: number;
  /** A new row's weights are uniform in [-init, init], a function of key and seed alone. */
  readonly init: number;
  readonly optimizer: OptimizerSpec;
  /** XXH64(UTF-8 of the table's name, seed = spec.seed). */
  readonly seed: string;
  /** One cell = one block of `dim` columns of this table's output matrix, in this order. */
  readonly cells: readonly CompiledCell[];
}

export interface CompiledCell {
  readonly field: string;
  /**
   * single: one key a row (categorical, buckets, cross). bag: many keys, combined. number: a numeric field in lr/fm/wide:
   * a constant key, multiplied by the field's value. bias (lr/fm): a constant key with value 1, field "(bias)".
   * All singles come first, then bags, then numbers, then bias.
   */
  readonly kind: "single" | "bag" | "number" | "bias";
  /** Seed of this cell's value hash. salt "table": the table's seed. salt "field": XXH64(UTF-8 of the field's name, seed = table's seed). */
  readonly seed: string;
}

export type OptimizerSpec =
  /** l21 > 0 adds the group lasso over rows (design research 1.6). */
  | {
      readonly kind: "ftrl";
      readonly alpha: number;
      readonly beta: number;
      readonly l1: number;
      readonly l2: number;
      readonly l21: number;
    }
  | {
      readonly kind: "adagrad";
      readonly learning_rate: number;
      readonly initial_accumulator: number;
      readonly epsilon: number;
    }
  | {
      readonly kind: "rowwise_adagrad";
      readonly learning_rate: number;
      readonly initial_accumulator: number;
      readonly epsilon: number;
    }
  | {
      readonly kind: "adam";
      readonly learning_rate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
    }
  | { readonly kind: "sgd"; readonly learning_rate: number };

export type TowerKind = "lr" | "fm" | "deep_crossing" | "wide_deep" | "deepfm" | "dcn_v2" | "dlrm";

export interface CompiledTower {
  readonly kind: TowerKind;
  /** deep_crossing: inner width of each residual unit. */
  readonly residual: readonly number[];
  /** wide_deep, deepfm, dcn_v2 (parallel/stacked MLP), dlrm (top MLP): hidden widths. */
  readonly hidden: readonly number[];
  /** dlrm: hidden widths of the bottom MLP over the numbers (its output width is the tables' dim). */
  readonly bottom: readonly number[];
  /** dcn_v2: number of cross layers. */
  readonly cross_layers: number;
  /** dcn_v2: rank of W = U V^T; 0 = full. */
  readonly rank: number;
  /** Optimizer of the dense weights (not used by lr, fm). */
  readonly optimizer: OptimizerSpec;
  readonly runtime: "onnxruntime" | "tensorflow";
}

/** True for the fields whose values are hashed: their distinct values are counted. */
export function isHashed(field: CompiledField): boolean {
  return field.type !== "numeric" && field.type !== "vector";
}
