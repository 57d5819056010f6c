import { type Block, type BlockSize, bytesOf, type SavedBlocks, savedBytes, savedNumbers } from "../core/blocks.js";
import { type Histograms, histograms, split } from "./old-histogram.js";
import { type ReliabilityPoint, reliability } from "./reliability.js";
import { type Metrics, metrics } from "./result.js";
import { type Accumulator, type CellList, KEPT_ROWS, ScoreCells, sum, TOTALS, type Totals } from "./score-cells.js";

export interface ProgressiveOptions {
  /** Rows per tumbling window. */
  readonly window: number;
  /** The input of `add`: the model's logits (default), or true probabilities (the oracle of simulated data). */
  readonly scores?: "logits" | "probabilities";
}

/** The stream is covered by this many segments at most, and half as many at least. */
const SEGMENTS = 64;
const FIRST_SEGMENT_ROWS = 1024;
/** Finished windows that are kept. */
const HISTORY = 1000;
/** Numbers per finished window: from, to, and the values of `evaluate`. */
const RESULT = 11;
/** If the AUC of rows could be more wrong than this, they get new cells; their larger class may be a few times as crowded. */
const MAX_ERROR = 1e-4;
const MAX_CROWDING = 4e-4;
/** Growth of the stream, at least, between two layouts, unless those limits are exceeded by far. */
const GROWTH = 1.03;
const FEW_ROWS = 256;
const URGENT = 5;
/** Largest error in AUC from the f32 weights of segments: each is off by up to 2^-24 of itself, in the area and in both classes. */
const SEGMENT_ROUNDING = 2 ** -22;
/** The cell weights in a checkpoint. */
const SAVED = ["all", "window", "segment"] as const;

type Result = readonly number[];
/** The counts of a segment; cells are undefined before a layout exists, and if it is too old to be queried. */
interface Segment {
  readonly totals: Totals;
  cells?: Float32Array<ArrayBuffer>;
}

/**
 * Test-then-train metrics of a stream, in bounded memory: pass every example's score from before the example was learned. It covers the
 * whole stream, tumbling windows of exactly `window` rows, and, by 32 to 64 equal segments whose width doubles as the stream grows, any
 * trailing share of the stream up to a half.
 *
 * The first 65,536 rows are kept, and AUC is exact. Later rows are counted in some ten thousand cells: intervals of the score that hold
 * about equal shares of both classes, as narrow as a single f32 where scores are dense. Equal scores are ties and count 1/2; so do pairs
 * that the cells cannot order, and `auc_error` is half of their share. Before rows are counted, it is checked that the cells can order
 * them; if not, new cells are laid out for the current distribution.
 *
 * The state has the same bytes for the same rows, however they were split into calls of `add`.
 */
export class ProgressiveMetrics {
  private readonly window: number;
  /** Holds the rows that are not in cells yet: all before there is a layout, then those since a window or segment last ended. */
  private readonly cells: ScoreCells;
  private totals = { all: new Float64Array(TOTALS), window: new Float64Array(TOTALS) };
  private segments: Segment[] = [];
  private rows = 0;
  private segmentRows = FIRST_SEGMENT_ROWS;
  /** Rows when the cells were laid out; 0: not yet. */
  private laidOutAt = 0;
  private finished: Result[] = [];

  constructor(options: ProgressiveOptions) {
    this.window = options.window;
    this.cells = new ScoreCells(options.scores ?? "logits");
  }

  /**
   * Counts examples in stream order.
   * @param scores f32[n] logits (or probabilities, see the options)
   * @param labels f32[n], 0 or 1; a soft label y counts as a positive of weight y and a negative of weight 1 - y
   * @param weights f32[n] importance
   */
  add(scores: Float32Array, labels: Float32Array, weights: Float32Array): void {
    for (let from = 0; from < scores.length; ) {
      const to = Math.min(scores.length, from + this.cells.room, from + this.rowsToBoundary());
      this.cells.count(scores.subarray(from, to), labels.subarray(from, to), weights.subarray(from, to));
      this.rows += to - from;
      from = to;
      const windowEnds = this.rows % this.window === 0;
      const segmentEnds = this.rows % this.segmentRows === 0;
      if (windowEnds || segmentEnds) this.close(windowEnds, segmentEnds);
      else if (this.cells.room === 0) this.countKept();
    }
  }

  /** Totals of the whole stream so far, for `scoreSums`. */
  get all(): Float64Array {
    return sum(this.totals.all, this.cells.totals());
  }

  /** Metrics of the whole stream so far. */
  lifetime(): Metrics {
    const list = this.laidOutAt ? this.withKept("all") : this.cells.list();
    return this.measure(0, sum(this.totals.all, this.cells.totals()), list);
  }

  /** A calibration plot of the whole stream so far, with at most `points` points; for logits only. */
  reliability(points: number): ReliabilityPoint[] {
    return reliability(this.laidOutAt ? this.withKept("all") : this.cells.list(), points);
  }

  /** Metrics of the window that is still open. */
  current(): Metrics {
    const from = this.rows - (this.rows % this.window);
    const list = this.laidOutAt ? this.withKept("window") : this.cells.list(from);
    return this.measure(from, sum(this.totals.window, this.cells.totals()), list);
  }

  /** The finished windows, oldest first; the newest 1000 are kept. */
  get windows(): Metrics[] {
    return this.finished.map(([from, to, ...values]) => metrics(from, to, values));
  }

  /** The stream in 32 to 64 equal parts (fewer at its beginning), oldest first. Parts of its older half may have no AUC. */
  curve(): Metrics[] {
    return Array.from({ length: Math.ceil(this.rows / this.segmentRows) }, (_, s) => {
      const from = s * this.segmentRows;
      const to = Math.min(this.rows, (s + 1) * this.segmentRows);
      const { totals = new Float64Array(TOTALS), cells } = this.segments[s] ?? {};
      const open = to % this.segmentRows !== 0;
      const list = this.partOf(from, to, open, cells);
      return metrics(from, to, this.cells.evaluate(open ? sum(totals, this.cells.totals()) : totals, list));
    });
  }

  private partOf(from: number, to: number, open: boolean, cells: Segment["cells"]): CellList {
    if (!this.laidOutAt) return this.cells.list(from, to);
    return open ? this.withKept("segment") : cells ? this.cells.listOfTaken(cells) : new Float64Array();
  }

  /**
   * Metrics of about the last `share` (0 to 0.5, or 1) of the stream: starts at the nearest end of a segment, and reports where. For other
   * shares, as much as is still known.
   */
  last(share: number): Metrics {
    if (share >= 1) return this.lifetime();
    const open = Math.floor(this.rows / this.segmentRows);
    const nearest = Math.round((this.rows * (1 - share)) / this.segmentRows);
    const newest = this.rows % this.segmentRows === 0 ? open - 1 : open;
    const first = Math.max(0, this.laidOutAt ? this.oldest() : 0, Math.min(nearest, newest));
    const from = first * this.segmentRows;
    const segments = this.segments.slice(first);
    const totals = segments.reduce<Totals>((all, { totals }) => sum(all, totals), this.cells.totals());
    if (!this.laidOutAt) return this.measure(from, totals, this.cells.list(from));
    const measured = this.measure(from, totals, this.withKept("segment", segments));
    return { ...measured, auc_error: measured.auc_error === null ? null : measured.auc_error + SEGMENT_ROUNDING };
  }

  /** The state, as blocks named `prefix`/…; views, valid until the next call of `add`. */
  blocks(prefix: string): Block[] {
    const block = (name: string, dtype: Block["dtype"], width: number, data: Float64Array | Float32Array) => {
      const shape = [data.length / width, width];
      return { name: `${prefix}/${name}`, dtype, shape, data: bytesOf(data) };
    };
    const { totals, kept } = this.cells.state();
    const { all, window } = this.totals;
    const allTotals = [totals, all, window, ...this.segments.map((segment) => segment.totals)];
    return [
      block("position", "F64", 3, Float64Array.of(this.rows, this.segmentRows, this.laidOutAt)),
      block("windows", "F64", RESULT, Float64Array.from(this.finished.flat())),
      block("totals", "F64", TOTALS, Float64Array.from(allTotals.flatMap((t) => [...t]))),
      { name: `${prefix}/kept`, dtype: "U32", shape: [kept.length / 12, 3], data: kept },
      block("layout", "F64", 1, this.cells.layout),
      ...SAVED.map((name) => block(name, "F64", 2, this.cells.weights(name))),
      ...this.segments.flatMap(({ cells }, s) => (cells ? [block(`segment-${s}`, "F32", 2, cells)] : [])),
    ];
  }

  /** @throws HashbrookError checkpoint_damaged when a block is missing or has the wrong size */
  restore(prefix: string, blocks: SavedBlocks): void {
    const old = histograms(prefix, blocks);
    if (old) return void this.restoreHistograms(old);
    const bytes = (name: string, size: BlockSize) => savedBytes(blocks, `${prefix}/${name}`, size);
    const floats = (name: string, size: BlockSize) => savedNumbers(blocks, `${prefix}/${name}`, size);
    const [rows, segmentRows, laidOutAt] = floats("position", { bytes: 24 });
    this.place(rows, segmentRows, floats("windows", { each: 8 * RESULT }), RESULT);
    this.laidOutAt = laidOutAt;
    const totals = floats("totals", { each: 8 * TOTALS });
    const [kept, all, window, ...segments] = split(totals, totals.length / TOTALS);
    this.totals = { all, window };
    this.cells.restore(kept, bytes("kept", { each: 12 }));
    this.cells.use(floats("layout", { each: 8 }));
    const size = this.cells.weights("all").byteLength;
    for (const name of SAVED) this.cells.weights(name).set(floats(name, { bytes: size }));
    this.segments = segments.map((totals, s) => {
      if (!blocks.has(`${prefix}/segment-${s}`)) return { totals };
      return { totals, cells: new Float32Array(bytes(`segment-${s}`, { bytes: size / 2 }).slice().buffer) };
    });
  }

  private restoreHistograms({ rows, segmentRows, windows, all, window, segments }: Histograms): void {
    this.place(rows, segmentRows, windows, 10);
    this.laidOutAt = Math.max(1, rows);
    this.cells.use(this.cells.design([all.list, window.list]));
    this.totals = { all: all.totals, window: window.totals };
    this.segments = segments.map(({ totals, list }) => {
      this.cells.spread(list, "scratch");
      return { totals, cells: this.cells.take("scratch") };
    });
    const open = this.segments.at(-1)!;
    this.cells.put(open.cells!, "segment");
    delete open.cells;
    this.cells.spread(all.list, "all");
    this.cells.spread(window.list, "window");
  }

  private place(rows: number, segmentRows: number, windows: Float64Array, width: number): void {
    this.rows = rows;
    this.segmentRows = segmentRows;
    this.finished = split(windows, windows.length / width).map((window) => [...window]);
  }

  private rowsToBoundary(): number {
    return Math.min(this.window - (this.rows % this.window), this.segmentRows - (this.rows % this.segmentRows));
  }

  private close(windowEnds: boolean, segmentEnds: boolean): void {
    const totals = this.cells.totals();
    this.cells.takeTotals();
    this.totals = { all: sum(this.totals.all, totals), window: sum(this.totals.window, totals) };
    const s = Math.ceil(this.rows / this.segmentRows) - 1;
    this.segments[s] = { totals: this.segments[s] ? sum(this.segments[s].totals, totals) : totals };
    if (this.laidOutAt) this.countKept();
    if (windowEnds) this.closeWindow();
    if (segmentEnds && this.laidOutAt) {
      this.segments[s].cells = this.cells.take("segment");
    }
    if (!this.laidOutAt && this.rows === KEPT_ROWS) this.layOutFirst();
    if (this.rows === SEGMENTS * this.segmentRows) this.widenSegments();
    for (let old = 0; old < this.oldest(); old++) this.cells.forget(this.segments[old]);
  }

  private closeWindow(): void {
    const from = this.rows - this.window;
    const list = this.laidOutAt ? this.cells.listOf("window") : this.cells.list(from);
    this.finished.push([from, this.rows, ...this.cells.evaluate(this.totals.window, list)]);
    if (this.finished.length > HISTORY) this.finished.shift();
    this.cells.weights("window").fill(0);
    this.totals.window = new Float64Array(TOTALS);
  }

  /** Uses the rows, all of which are still kept. */
  private layOutFirst(): void {
    this.cells.use(this.cells.design([this.cells.list()]));
    this.cells.tally("all");
    this.cells.tally("window", this.rows - (this.rows % this.window));
    this.segments.forEach((segment, s) => {
      this.cells.tally("segment", s * this.segmentRows, (s + 1) * this.segmentRows);
      segment.cells = this.cells.take("segment");
    });
    this.laidOutAt = this.rows;
    this.cells.clear();
  }

  private countKept(): void {
    this.cells.tally("scratch");
    if (this.tooCoarse()) {
      this.cells.weights("scratch").fill(0);
      this.layOutAnew();
      this.cells.tally("scratch");
    }
    this.cells.commit();
    this.cells.clear();
  }

  /** Whether the kept rows are too close together for the cells they were counted in. */
  private tooCoarse(): boolean {
    const { error, crowding } = this.cells.coarseness();
    const excess = Math.max(Number.isNaN(error) ? 0 : error / MAX_ERROR, crowding / MAX_CROWDING);
    const grown = this.rows >= this.laidOutAt * GROWTH && this.cells.rows >= FEW_ROWS;
    return excess > (grown ? 1 : URGENT);
  }

  /** Existing counts move to the smallest new cells that contain their old ones. */
  private layOutAnew(): void {
    const lists = SAVED.map((name) => this.cells.listOf(name));
    const before = this.cells.layout;
    this.cells.use(this.cells.design([...lists.slice(0, 2), this.cells.list()]));
    this.cells.moveTaken(before, this.segments);
    for (const [i, list] of lists.entries()) this.cells.spread(list, SAVED[i]);
    this.laidOutAt = this.rows;
  }

  /** Merges neighbours, so that half as many segments of twice the width cover the same rows. */
  private widenSegments(): void {
    this.segments = Array.from({ length: SEGMENTS / 2 }, (_, s) => {
      const one = this.segments[2 * s];
      const other = this.segments[2 * s + 1];
      const totals = sum(one.totals, other.totals);
      const both = one.cells && other.cells;
      for (const segment of [one, other]) this.cells.putBack(segment, "scratch");
      return both ? { totals, cells: this.cells.take("scratch") } : { totals };
    });
    this.segmentRows *= 2;
  }

  /** The first segment of the stream's newer half. */
  private oldest(): number {
    return Math.floor(this.rows / 2 / this.segmentRows);
  }

  /** An accumulator, the kept rows, and segments. */
  private withKept(accumulator: Accumulator, segments: readonly Segment[] = []): CellList {
    const weights = this.cells.weights("scratch");
    weights.set(this.cells.weights(accumulator));
    for (const { cells } of segments) if (cells) this.cells.put(cells, "scratch");
    this.cells.tally("scratch");
    const list = this.cells.listOf("scratch");
    weights.fill(0);
    return list;
  }

  private measure(from: number, totals: Totals, list: CellList): Metrics {
    return metrics(from, this.rows, this.cells.evaluate(totals, list));
  }
}
