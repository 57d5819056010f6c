import type { EncodingSpec } from "../encodings/index.js";
import type { CompiledField } from "../fields/index.js";
import type { OptimizerSpec } from "../optimizers/index.js";
import type { TowerKnobs } from "../towers/index.js";
import type { CompiledPooling } from "../towers/poolings/index.js";

/**
 * The canonical compiled form of a model spec: everything resolved, no defaults left open, no ranges, seeds computed.
 * It is plain JSON; its canonical text (keys sorted) is stored in every checkpoint and its XXH64 is the `spec_hash`.
 * All 64-bit numbers are 16-digit lower-case hex strings.
 */
export interface CompiledSpec {
  /** Of the model. */
  readonly name: string;
  /** `train.seed`: seeds hashing, embedding initialisation and the tower's initial weights. */
  readonly seed: number;
  /** Rows learned per update (towers) or handed over per message (models that learn event by event). */
  readonly batch: number;
  /** Events over which a tower's steps grow to whole batches; absent: 16 batches. 0: they are whole from the start. */
  readonly warmup?: number;
  /** How the events of an update are shared out; absent: they are not. */
  readonly lanes?: LanesSpec;
  /** Events per metrics window. */
  readonly window: number;
  /** The share of negatives that is learned, above 0 and below 1; absent: all. */
  readonly negative_sampling?: number;
  /** How scores are calibrated; absent: they are not. */
  readonly calibration?: CalibrationSpec;
  /** What is measured beside what always is; no part of the spec's hash. */
  readonly metrics?: MetricsSpec;
  /** What is watched before anything is published; absent: nothing. No part of the spec's hash. */
  readonly gate?: GateSpec;
  /** How a line of text is one event. */
  readonly events: EventFormat;
  /** What is learned, and when and which event it is of. */
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
  /** What makes a logit of vectors and numbers, and how its weights learn. */
  readonly tower: CompiledTower;
}

export const formats = ["tsv", "csv", "json", "vw", "libsvm", "libffm", "avro", "protobuf"] as const;
export type Format = (typeof formats)[number];

/** Rows of separated values, whose columns are known. */
export const isDelimited = (format: string): format is "tsv" | "csv" => format === "tsv" || format === "csv";

/** Lines of words, whose features have values: `name:value`. */
export const hasFeatures = (format: Format): boolean => !isDelimited(format) && !isNested(format);

/** Events are no lines of text; a schema describes them. */
export const isBinary = (format: Format): format is "avro" | "protobuf" => format === "avro" || format === "protobuf";

/** Values lie within each other, and are named by paths with dots. */
export const isNested = (format: Format): boolean => format === "json" || isBinary(format);

export interface EventFormat {
  readonly format: Format;
  /** Column names in file order (tsv, csv). Empty for other formats, and where the header of each file names them. */
  readonly columns: readonly string[];
  /** True: the first line of every file names the columns. */
  readonly header: boolean;
  /** One byte, tsv and csv only. */
  readonly separator: string;
  /** Texts that mean that there is no value, beside the empty one; absent: none. */
  readonly null_values?: readonly string[];
  /** JSON strings may be numbers; absent: only where a label is read. */
  readonly numbers_as_strings?: true;
  /**
   * avro: the writers' schema, as JSON without spaces. protobuf: .proto texts without comments and spaces, those first that others import.
   * Absent: events name theirs, or their file has it.
   */
  readonly schema?: string;
  /** protobuf: which of the schema's messages events are; absent: the first of its last file. */
  readonly message?: string;
  /** The path of the member that has the event's values: paths begin there, and those with a dot in front at the whole message. */
  readonly within?: string;
  /** What messages are wrapped in, which may stand in their headers; `within` is where it has the values. Absent: nothing that is known. */
  readonly envelope?: "cloudevents";
  /** Events are the messages that have one of these values there; absent: all are. */
  readonly type?: MessageType;
}

/** A value's path from the whole message on. */
export function wholePath(from: string, within: string | undefined): string {
  if (from.startsWith(".")) return from.slice(1);
  return within === undefined ? from : `${within}.${from}`;
}

/** Which of several kinds of messages are meant: those with one of these values. */
export interface MessageType {
  readonly from: string;
  readonly is: readonly string[];
}

/** Units of a time, by how many of them a second has. */
export const timeUnits = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 } as const;
export type TimeUnit = keyof typeof timeUnits;

export interface LabelSpec {
  /** Source column (tsv/csv), dotted path (json). For vw the label is the first token: "label". */
  readonly from: string;
  /**
   * A row is positive when its label equals `equals`, as a number where that is one, else as a text; or is equal to one of `any_of`, any
   * other being a negative; or, as a number, is >= `at_least`.
   * Beside a number, 0, -1 and 1 are the negatives; else any other valid number/text.
   */
  readonly positive:
    | { readonly equals: string }
    | { readonly any_of: readonly string[] }
    | { readonly at_least: number };
  /** The label is a probability in [0, 1], learned as it is; `positive` has no say. Absent: it is a class. */
  readonly soft?: true;
  /** Importance weight: a number > 0. */
  readonly weight: string | null;
  /** Event time. A row without one is rejected. */
  readonly time: TimeSpec | null;
  /** Event id (hashed with seed 0). */
  readonly id: string | null;
  /** What is told of an event in place of an id, and of the clicks on it (hashed one after the other); absent: nothing. */
  readonly key?: readonly string[];
  /** Events among which an id counts once; there only where there is an id. */
  readonly id_window?: number;
  /** The share of positive events (by weight) that predictions start from; absent: found in the first events. */
  readonly prior?: number;
  /** A column with the true click probability (simulated data): scored beside the model, never learned from. */
  readonly oracle: string | null;
}

/** Where an event's time is: a number of units since 1970, or a calendar time. */
export interface TimeSpec {
  readonly from: string;
  readonly unit: TimeUnit;
  /** Minutes that calendar times without an offset of their own are ahead of UTC; absent: 0. */
  readonly zone?: number;
}

/** Clicks, or conversions. */
export interface LabelStreamSpec {
  /** How one is written. */
  readonly events: EventFormat;
  /** The id of its impression; null where a key says which it is. */
  readonly id: string | null;
  /** The values that its impression has in common with it; absent: none, there is an id. */
  readonly key?: readonly string[];
  /** When. */
  readonly time: TimeSpec;
  /** They are the messages that have one of these values there; absent: all are. */
  readonly type?: MessageType;
}

/** Where the values are that tie impressions and clicks: an id, or a key. */
export const tiesOf = ({ id, key }: Pick<LabelSpec, "id" | "key">): readonly string[] =>
  key ?? (id === null ? [] : [id]);

/** Where what events have beside their fields is, in the order in which it is read. */
export const headPaths = (label: Pick<LabelSpec, "from" | "weight" | "time" | "id" | "key" | "oracle">): string[] =>
  [label.from, label.weight, label.time?.from, ...tiesOf(label), label.oracle].filter((path) => path != null);

/** How impressions get their labels: 1 where a click came in time, else 0. All times in ms. */
export interface JoinSpec {
  readonly clicks: LabelStreamSpec;
  /** An impression is positive that was clicked, and then converted; absent: that was clicked. */
  readonly conversions?: LabelStreamSpec;
  /** A click counts when it came within so long after its impression. */
  readonly window: number;
  /** How much older than its newest one a stream's clicks may be: older ones are late, and count for nothing. */
  readonly lateness: number;
  /** A click counts when it is told to have come at most so long before its impression: clocks differ. */
  readonly skew: number;
  /** Impressions are learned at once, and again where a click came; absent: they wait for the window. */
  readonly correct?: CorrectSpec;
}

/** How labels that come late are learned. All times in ms. */
export interface CorrectSpec {
  /**
   * What is made of an impression that is learned as a negative, and as a positive later. `plain`: nothing, so that the model tells too
   * little. `fnw`: events are weighted by what the model believes (fake negatives weighted). `fnc`: what the model tells is corrected.
   */
  readonly method: "plain" | "fnw" | "fnc";
  /** Ages of an impression at which the clicks since the age before are learned, ascending; the last one is the window. */
  readonly ages: readonly number[];
  /** An impression is learned when it is so old, as what it is then; absent: at once, as a negative. */
  readonly wait?: number;
}

/** How probabilities are calibrated. */
/** Learning by rounds of several lanes. `batch` is `count` × `round`. */
export interface LanesSpec {
  readonly count: number;
  /** Events of a lane in a round. */
  readonly round: number;
  /** Rounds that a lane's weights may lack beside its own. */
  readonly staleness: 0 | 1;
  /** What sums of gradients are rounded to before they travel. Absent: f32, as they are. */
  readonly gradients?: "bf16";
}

export interface CalibrationSpec {
  readonly method: "isotonic" | "platt";
  /** A field whose values have curves of their own. Absent: all events share one. */
  readonly by?: string;
  /** Values that have one, at most; there only with `by`. */
  readonly slices?: number;
  /** Events of a slice after which one counts half. */
  readonly half_life: number;
}

/** When what is learned is not published. */
export interface GateSpec {
  /** What a breach does beside: learning goes on; it does, and its checkpoints are not served; the run ends. */
  readonly action: "hold" | "side" | "halt";
  /** Events of a window, at least: it ends with a batch. */
  readonly window: number;
  /** Windows before learned bounds hold. */
  readonly warmup: number;
  /** Standard deviations that learned bounds are from the mean; 0: there are none. */
  readonly sigmas: number;
  /** Bounds that were given, by signal: "label_rate", "missing" (of every field), "missing(user)". */
  readonly bounds: Readonly<Record<string, GateBound>>;
}

/** Where a signal must lie. */
export interface GateBound {
  readonly least?: number;
  readonly most?: number;
}

/** What is measured beside what always is. */
export interface MetricsSpec {
  /** A field: AUC is also told within the events of its values. */
  readonly group: string;
}

export type { EncodingKind, EncodingSpec } from "../encodings/index.js";
export type { Combiner, CompiledField } from "../fields/index.js";
export type { AdmissionSpec, EvictionSpec, StoreSpec } from "../tables/spec.js";

export type CompiledTable = EncodingSpec & {
  /** "embedding" feeds the tower; "wide" (dim 1) adds the sum of its weights to the logit. A model that learns event by event has one of role "embedding". */
  readonly role: "embedding" | "wide";
  /** One cell = one vector (`items` of them) of `dim` columns of this table's output matrix, in this order. */
  readonly cells: readonly CompiledCell[];
  /** Nested vectors: the prefixes of a vector that are learned to do without the rest, ascending, the last one `dim`. Absent: none. */
  readonly nested?: readonly number[];
  /** Floats of a vector as the tower has it, where that is more than a row has: zeros behind those. Absent: `dim`. */
  readonly padded_dim?: number;
};

export interface CompiledCell {
  readonly field: string;
  /**
   * single: one key a row (categorical, buckets, cross). bag: many keys, combined. number: a numeric field in wide, or of a model that learns event by event:
   * a constant key, multiplied by the field's value. bias (of the latter): a constant key with value 1, field "(bias)".
   * All singles come first, then bags, then numbers, then bias.
   */
  readonly kind: "single" | "bag" | "number" | "bias";
  /**
   * A bag that is pooled behind the table: its items' vectors lie side by side, so many of them (the field's `max_length`), zeros
   * behind the last item. Absent: the table combines them into one.
   */
  readonly items?: number;
  /** Components of its vector that are used, of nested ones; the others are 0. Absent: all. */
  readonly prefix?: number;
  /** Seed of this cell's value hash. salt "table": the table's seed. salt "field": XXH64(UTF-8 of the field's name, seed = table's seed). */
  readonly seed: string;
}

export type { OptimizerSpec } from "../optimizers/index.js";
export type { TowerKind } from "../towers/index.js";

/** The tower's kind and knobs, and what every tower has. */
export type CompiledTower = TowerKnobs & {
  /** Optimizer of the dense weights (unused where a tower learns event by event). */
  readonly optimizer: OptimizerSpec;
  readonly runtime: "onnxruntime" | "tensorflow";
};

/** Floats of a table's vector as the tower has it. */
export const vectorDim = ({ dim, padded_dim = dim }: Pick<CompiledTable, "dim" | "padded_dim">): number => padded_dim;

/** How many of a row's vectors each of a table's cells has, and which is its first. */
export function cellVectors(cells: readonly CompiledCell[]): { readonly first: number; readonly vectors: number }[] {
  let first = 0;
  return cells.map(({ items = 1 }) => {
    first += items;
    return { first: first - items, vectors: items };
  });
}

/** A row's vectors: one a cell, one an item where a cell's items lie side by side. */
export const vectorCount = (cells: readonly CompiledCell[]): number =>
  cells.reduce((sum, { items = 1 }) => sum + items, 0);

/** The number that a positive label is, within what events may hold; undefined where it is a word, a threshold or one of several. */
export function positiveNumber(positive: LabelSpec["positive"]): number | undefined {
  return "equals" in positive ? numberOf(positive.equals) : undefined;
}

/** The number that a text is to those who read events; undefined where it is none, or beyond what they may hold. */
export function numberOf(text: string): number | undefined {
  if (!/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text)) return undefined;
  const number = Number(text);
  return Math.abs(number) <= 1e18 ? number : undefined;
}
