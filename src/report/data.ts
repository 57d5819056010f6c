/** A report: what is shown, apart from how it is drawn. All texts are as they are: whoever draws escapes them. */
export interface ReportData {
  readonly title: string;
  /** A line below it. */
  readonly subtitle: string;
  readonly sections: readonly Section[];
}

/** Something that belongs together, under a heading. */
export interface Section {
  /** Lower-case letters and hyphens: names the SVG files of its charts, too. */
  readonly id: string;
  readonly title: string;
  /** What is to be known of it, in a sentence or two. */
  readonly note?: string | undefined;
  readonly charts?: readonly (Chart | BarChart)[];
  readonly tables?: readonly DataTable[];
  /** Preformatted: commands, a diff, a spec. */
  readonly text?: string | undefined;
  /** Shown when it is asked for. */
  readonly folded?: boolean;
}

/** Rows of texts below heads. */
export interface DataTable {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns that hold numbers; all but the first where it is not told. */
  readonly numeric?: readonly number[];
}

/** An axis of numbers. */
export interface Axis {
  readonly label: string;
  /** Default: equal steps. */
  readonly log?: boolean;
}

/** Series of points over two axes. */
export interface Chart {
  readonly kind: "lines";
  readonly id: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

/** Points of one colour. */
export interface Series {
  readonly label: string;
  readonly points: readonly Point[];
  /** Default: a line, and points where they are few. */
  readonly style?: "points" | "line" | "dashed";
}

/** A point, and how sure it is. */
export interface Point {
  readonly x: number;
  readonly y: number | null;
  /** Standard error of `y`. */
  readonly se?: number | null;
  /** Written beside it. */
  readonly name?: string;
}

/** Horizontal bars from zero, with their standard errors. */
export interface BarChart {
  readonly kind: "bars";
  readonly id: string;
  readonly title: string;
  readonly x: Axis;
  readonly bars: readonly Bar[];
}

/** A bar. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly se: number | null;
}
