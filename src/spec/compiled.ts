import type { EncodingSpec } from "../encodings/index.js";
import type { CompiledField } from "../fields/index.js";
import type { OptimizerSpec } from "../optimizers/index.js";
import type { TowerKnobs } from "../towers/index.js";
import type { CompiledPooling } from "../towers/poolings/index.js";

/**
 * The canonical compiled form of a model spec: everything resolved, no defaults left open, no ranges, seeds computed. It is plain JSON; its
 * canonical text (keys sorted) is stored in every checkpoint and its XXH64 is the `spec_hash`. All 64-bit numbers are 16-digit lower-case
 * hex strings.
 */
export interface CompiledSpec {
  /** Of the model. */
  readonly name: string;
  /** `train.seed`: seeds hashing, embedding initialisation and the tower's initial weights. */
  readonly seed: number;
  /** Rows learned per update (towers) or handed over per message (models that learn event by event). */
  readonly batch: number;
  /** Events over which a tower's steps grow to whole batches; absent: 16 batches. 0: no warm-up. */
  readonly warmup?: number;
  /** How the events of an update are divided among lanes; absent: they are not. */
  readonly lanes?: LanesSpec;
  /** Events per metrics window. */
  readonly window: number;
  /** The share of negatives that is learned, above 0 and below 1; absent: all. */
  readonly negative_sampling?: number;
  /** How scores are calibrated; absent: not at all. */
  readonly calibration?: CalibrationSpec;
  /** Additional metrics; not part of the spec's hash. */
  readonly metrics?: MetricsSpec;
  /** What is watched before anything is published; absent: nothing. Not part of the spec's hash. */
  readonly gate?: GateSpec;
  /** How events are written. */
  readonly events: EventFormat;
  /** The label, and where an event's weight, time and id are. */
  readonly label: LabelSpec;
  /** Events are impressions, whose labels come from a stream of clicks; absent: events have their labels. */
  readonly join?: JoinSpec;
  /** In spec order. */
  readonly fields: readonly CompiledField[];
  /** Order of tables here = order in the batch and in the tower. A table of role "wide" comes last. */
  readonly tables: readonly CompiledTable[];
  /** Names of the numeric fields that are columns of the dense matrix `numbers`, in column order. */
  readonly numbers: readonly string[];
  /** Bags that are pooled in the tower's graph, in the order of their cells. Absent: none. */
  readonly poolings?: readonly CompiledPooling[];
  /** The model over vectors and numbers, and how its weights learn. */
  readonly tower: CompiledTower;
}

export const formats = ["tsv", "csv", "json", "vw", "libsvm", "libffm", "avro", "protobuf"] as const;
export type Format = (typeof formats)[number];

/** Rows of delimited values, with known columns. */
export const isDelimited = (format: string): format is "tsv" | "csv" => format === "tsv" || format === "csv";

/** Lines of words, whose features may have values: `name:value`. */
export const hasFeatures = (format: Format): boolean => !isDelimited(format) && !isNested(format);

/** Events that are not lines of text; a schema describes them. */
export const isBinary = (format: Format): format is "avro" | "protobuf" => format === "avro" || format === "protobuf";

/** Formats whose values are nested and named by dotted paths. */
export const isNested = (format: Format): boolean => format === "json" || isBinary(format);

export interface EventFormat {
  readonly format: Format;
  /** Column names in file order (tsv, csv). Empty for other formats, and where the header of each file names them. */
  readonly columns: readonly string[];
  /** True: the first line of every file names the columns. */
  readonly header: boolean;
  /** One byte, tsv and csv only. */
  readonly separator: string;
  /** tsv, csv: spaces and tabs around values are not part of them; absent: they are. */
  readonly trim?: true;
  /** Texts that mean "missing", in addition to the empty one; absent: none. */
  readonly null_values?: readonly string[];
  /** JSON strings may be numbers; absent: only in a label. */
  readonly numbers_as_strings?: true;
  /** avro: the writers' schema, JSON without spaces. protobuf: .proto texts without comments, dependencies first. Absent: events or files name it. */
  readonly schema?: string;
  /** protobuf: which of the schema's messages events are; absent: the first of its last file. */
  readonly message?: string;
  /** The path of the member with the event's values: paths begin there, and those with a leading dot at the whole message. */
  readonly within?: string;
  /** The envelope of messages, which may be in their headers; its values are at `within`. Absent: none that is known. */
  readonly envelope?: "cloudevents";
  /** Events are the messages that have one of these values at this path; absent: all messages are. */
  readonly type?: MessageType;
}

/** A value's path from the root of the message. */
export function wholePath(from: string, within: string | undefined): string {
  if (from.startsWith(".")) return from.slice(1);
  return within === undefined ? from : `${within}.${from}`;
}

/** Selects messages of some kinds: those with one of these values. */
export interface MessageType {
  readonly from: string;
  readonly is: readonly string[];
}

/** Units of time, by how many of them make a second. */
export const timeUnits = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 } as const;
export type TimeUnit = keyof typeof timeUnits;

export interface LabelSpec {
  /** Source column (tsv/csv), dotted path (json). For vw the label is the first token: "label". */
  readonly from: string;
  /**
   * A row is positive when its label equals `equals` (as a number if that is one, else as text), equals one of `any_of` (any other label is
   * a negative), or, as a number, is >= `at_least`. With a numeric `equals`, 0, -1 and 1 are the negatives; otherwise any other valid
   * number or text.
   */
  readonly positive:
    | { readonly equals: string }
    | { readonly any_of: readonly string[] }
    | { readonly at_least: number };
  /** The label is a probability in [0, 1], learned as it is; `positive` is ignored. Absent: it is a class. */
  readonly soft?: true;
  /** Importance weight: a number > 0. */
  readonly weight: string | null;
  /** Event time. A row without one is rejected. */
  readonly time: TimeSpec | null;
  /** Event id (hashed with seed 0). */
  readonly id: string | null;
  /** Values that identify an event instead of an id, and the clicks on it (hashed in sequence); absent: none. */
  readonly key?: readonly string[];
  /** Number of events among which an id counts once; present only if there is an id. */
  readonly id_window?: number;
  /** The share of positive events (by weight) that predictions start from; absent: found in the first events. */
  readonly prior?: number;
  /** A column with the true click probability (simulated data): evaluated like the model's scores, never learned from. */
  readonly oracle: string | null;
}

/** Where an event's time is: a count of units since 1970, or a calendar time. */
export interface TimeSpec {
  readonly from: string;
  readonly unit: TimeUnit;
  /** UTC offset, in minutes, of calendar times without an offset of their own; absent: 0. */
  readonly zone?: number;
}

/** A stream of clicks, or of conversions. */
export interface LabelStreamSpec {
  /** How its events are written. */
  readonly events: EventFormat;
  /** The id of the impression; null if a key identifies it. */
  readonly id: string | null;
  /** The values it has in common with its impression; absent: none, there is an id. */
  readonly key?: readonly string[];
  /** Its time. */
  readonly time: TimeSpec;
  /** They are the messages that have one of these values at this path; absent: all messages are. */
  readonly type?: MessageType;
}

/** The sources of the values that link impressions and clicks: an id, or the values of a key. */
export const tiesOf = ({ id, key }: Pick<LabelSpec, "id" | "key">): readonly string[] =>
  key ?? (id === null ? [] : [id]);

/** The sources of an event's values other than its fields, in the order they are read. */
export const headPaths = (label: Pick<LabelSpec, "from" | "weight" | "time" | "id" | "key" | "oracle">): string[] =>
  [label.from, label.weight, label.time?.from, ...tiesOf(label), label.oracle].filter((path) => path != null);

/** How impressions get their labels: 1 if a click came in time, else 0. All times in ms. */
export interface JoinSpec {
  readonly clicks: LabelStreamSpec;
  /** An impression is positive if it was clicked and then converted; absent: if it was clicked. */
  readonly conversions?: LabelStreamSpec;
  /** A click counts if it came within this time after its impression. */
  readonly window: number;
  /** How much older than a stream's newest event its events may be: older ones are late, and are ignored. */
  readonly lateness: number;
  /** A click counts even if its time is up to this much before its impression's: clocks differ. */
  readonly skew: number;
  /** Impressions are learned at once, and again if a click came; absent: they wait for the window. */
  readonly correct?: CorrectSpec;
}

/** How late labels are learned. All times in ms. */
export interface CorrectSpec {
  /**
   * How to compensate for impressions that are learned as negatives first and as positives later. `plain`: not at all, so predictions are
   * too low. `fnw`: events are weighted by the model's current prediction (fake negatives weighted). `fnc`: predictions are corrected.
   */
  readonly method: "plain" | "fnw" | "fnc";
  /** Ages of an impression, ascending, at which the clicks since the previous age are learned; the last one is the window. */
  readonly ages: readonly number[];
  /** An impression is learned at this age, with its label at that time; absent: at once, as a negative. */
  readonly wait?: number;
}

/** Learning in rounds of several lanes. `batch` is `count` × `round`. */
export interface LanesSpec {
  readonly count: number;
  /** Events per lane and round. */
  readonly round: number;
  /** Rounds by which a lane's weights may lag. */
  readonly staleness: 0 | 1;
  /** What sums of gradients are rounded to before they are sent. Absent: f32, unrounded. */
  readonly gradients?: "bf16";
}

/** How probabilities are calibrated. */
export interface CalibrationSpec {
  readonly method: "isotonic" | "platt";
  /** A field whose values have separate curves. Absent: all events share one. */
  readonly by?: string;
  /** Most values with a curve; present only with `by`. */
  readonly slices?: number;
  /** Half-life of an event in its slice, in events. */
  readonly half_life: number;
}

/** When to withhold changes from publication. */
export interface GateSpec {
  /** hold: learning continues. side: so it does, but its checkpoints are not served. halt: the run ends. */
  readonly action: "hold" | "side" | "halt";
  /** Events per window, at least: it ends with a batch. */
  readonly window: number;
  /** Windows before learned bounds apply. */
  readonly warmup: number;
  /** Distance of learned bounds from the mean, in standard deviations; 0: there are none. */
  readonly sigmas: number;
  /** Explicit bounds by signal: "label_rate", "missing" (for every field), "missing(user)". */
  readonly bounds: Readonly<Record<string, GateBound>>;
}

/** The permitted range of a signal. */
export interface GateBound {
  readonly least?: number;
  readonly most?: number;
}

/** Additional metrics. */
export interface MetricsSpec {
  /** A field: AUC is also computed within the events of each of its values. */
  readonly group: string;
}

export type { EncodingKind, EncodingSpec } from "../encodings/index.js";
export type { Combiner, CompiledField } from "../fields/index.js";
export type { AdmissionSpec, EvictionSpec, StoreSpec } from "../tables/spec.js";

export type CompiledTable = EncodingSpec & {
  /**
   * "embedding" feeds the tower; "wide" (dim 1) adds the sum of its weights to the logit. The table of a model that learns event by event
   * has role "embedding".
   */
  readonly role: "embedding" | "wide";
  /** One cell = one vector (`items` of them) of `dim` columns of this table's output matrix, in this order. */
  readonly cells: readonly CompiledCell[];
  /** Nested vectors: the prefixes of a vector that learn to work alone, ascending, the last one `dim`. Absent: none. */
  readonly nested?: readonly number[];
  /** Floats of a vector in the tower, if more than a row has; the rest are zeros. Absent: `dim`. */
  readonly padded_dim?: number;
};

export interface CompiledCell {
  readonly field: string;
  /**
   * single: one key per row (categorical, buckets, cross). bag: many keys, combined. number: a numeric field in wide, or of a model that
   * learns event by event: a constant key, multiplied by the field's value. bias (of the latter): a constant key with value 1, field
   * "(bias)". All singles come first, then bags, then numbers, then bias.
   */
  readonly kind: "single" | "bag" | "number" | "bias";
  /**
   * A bag that is pooled after the table: the vectors of up to `items` items (the field's `max_length`) are concatenated and padded with zeros.
   * Absent: the table combines them into one.
   */
  readonly items?: number;
  /** For nested vectors: components that are used; the others are 0. Absent: all. */
  readonly prefix?: number;
  /** Seed of this cell's value hash. salt "table": the table's seed. salt "field": XXH64(UTF-8 of the field's name, seed = table's seed). */
  readonly seed: string;
}

export type { OptimizerSpec } from "../optimizers/index.js";
export type { TowerKind } from "../towers/index.js";

/** The tower's kind and options, and what every tower has. */
export type CompiledTower = TowerKnobs & {
  /** Optimizer of the dense weights (unused where a tower learns event by event). */
  readonly optimizer: OptimizerSpec;
  readonly runtime: "onnxruntime" | "tensorflow";
};

/** Floats of a table's vector in the tower. */
export const vectorDim = ({ dim, padded_dim = dim }: Pick<CompiledTable, "dim" | "padded_dim">): number => padded_dim;

/** How many of a row's vectors each cell of a table has, and which one is its first. */
export function cellVectors(cells: readonly CompiledCell[]): { readonly first: number; readonly vectors: number }[] {
  let first = 0;
  return cells.map(({ items = 1 }) => {
    first += items;
    return { first: first - items, vectors: items };
  });
}

/** Number of a row's vectors: one per cell, or one per item if a cell's items are laid side by side. */
export const vectorCount = (cells: readonly CompiledCell[]): number =>
  cells.reduce((sum, { items = 1 }) => sum + items, 0);

/** The number a positive label equals, if it is within the range of events' numbers; undefined for a word, a threshold or a list. */
export function positiveNumber(positive: LabelSpec["positive"]): number | undefined {
  return "equals" in positive ? numberOf(positive.equals) : undefined;
}

/** The number that a text stands for in events; undefined if it is none, or out of range. */
export function numberOf(text: string): number | undefined {
  if (!/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text)) return undefined;
  const number = Number(text);
  return Math.abs(number) <= 1e18 ? number : undefined;
}
