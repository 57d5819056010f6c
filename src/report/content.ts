/** A report's content, independent of how it is drawn. Texts are unescaped: the renderer escapes them. */
export interface ReportData {
  readonly title: string;
  /** A line below the title. */
  readonly subtitle: string;
  readonly sections: readonly Section[];
}

/** Related content under a heading. */
export interface Section {
  /** Lower-case letters and hyphens; also used in the names of its charts' SVG files. */
  readonly id: string;
  readonly title: string;
  /** An explanation in a sentence or two. */
  readonly note?: string | undefined;
  readonly charts?: readonly (Chart | BarChart)[];
  readonly tables?: readonly DataTable[];
  /** Preformatted: commands, a diff, a spec. */
  readonly text?: string | undefined;
  /** Initially collapsed. */
  readonly folded?: boolean;
}

/** Rows of texts below heads. */
export interface DataTable {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns with numbers; default: all but the first. */
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

/** A point with its uncertainty. */
export interface Point {
  readonly x: number;
  readonly y: number | null;
  /** Standard error of `y`. */
  readonly se?: number | null;
  /** A label beside it. */
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
