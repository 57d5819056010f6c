import { simulate } from "../../src/sources/simulator/run.js";

/** Impressions of a cycle: 10 s of them at 50,000 per second. */
const CYCLE = 500_000;
const SEED = 7;
const BEGAN = 1_736_121_600_000;
/** Positions of the time and the id in a simulated row, the same in all rows: both have a fixed width. */
const TIME = { column: 2, width: 13 };
const ID = { column: 3, width: 12 };
const [TAB, LINE, ZERO, NINE] = [9, 10, 48, 57];

interface Row {
  readonly bytes: Buffer;
  /** Positions of the last digits of the time and the id. */
  readonly time: number;
  readonly id: number;
}

/** A click: the impression of its cycle, and the time. */
interface Clicked {
  readonly row: number;
  /** Cycles after that of its impression. */
  readonly later: number;
  /** ms since the beginning of its cycle. */
  readonly at: number;
}

/**
 * Impressions at a rate of event time, and the clicks on them, for as long as needed. The simulator's rows are repeated
 * with new ids and times, so that a stream costs its generator almost nothing.
 */
export class FeedbackStream {
  readonly window: number;
  private readonly rate: number;
  private readonly rows: readonly Row[];
  /** Of a cycle, ordered by time. */
  private readonly clicked: readonly Clicked[];

  private constructor(rate: number, window: number, rows: readonly Row[], delays: ReadonlyMap<number, number>) {
    this.rate = rate;
    this.window = window;
    this.rows = rows;
    const clicked = [...delays].map(([row, delay]) => {
      const time = this.sinceBegan(row) + delay;
      return { row, later: Math.floor(time / this.cycleMs), at: time % this.cycleMs };
    });
    this.clicked = clicked.sort((a, b) => a.at - b.at);
  }

  /** @param rate impressions per second @param window ms in which a click counts */
  static async simulated(rate: number, window: number): Promise<FeedbackStream> {
    const chunks = { impressions: [] as Buffer[], clicks: [] as Buffer[] };
    const keep = (name: keyof typeof chunks) => (bytes: Uint8Array) => void chunks[name].push(Buffer.from(bytes));
    const split = { impressions: keep("impressions"), clicks: keep("clicks"), window };
    await simulate({ rows: CYCLE, seed: SEED, format: "tsv", write: () => {}, split });
    const rows = [...rowsOf(Buffer.concat(chunks.impressions))];
    return new FeedbackStream(rate, window, rows, delaysOf(rows, Buffer.concat(chunks.clicks).toString()));
  }

  /** Number of clicked impressions among the first ones. */
  clicks(rows: number): number {
    const [cycles, rest] = [Math.floor(rows / CYCLE), rows % CYCLE];
    return cycles * this.clicked.length + this.clicked.filter(({ row }) => row < rest).length;
  }

  /** The first `count` impressions in chunks of `piece` rows. */
  *impressions(count: number, piece: number): Generator<{ readonly bytes: Buffer; readonly rows: number }> {
    for (let from = 0; from < count; from += piece) {
      const to = Math.min(from + piece, count);
      const lines: Buffer[] = [];
      for (let n = from; n < to; n++) lines.push(this.impression(n));
      yield { bytes: Buffer.concat(lines), rows: to - from };
    }
  }

  /** The clicks on the first `count` impressions, ordered by time, in chunks of some hundred kilobytes. */
  *clicksOn(count: number): Generator<Buffer> {
    const longest = Math.ceil(count / CYCLE) + Math.ceil(this.window / this.cycleMs) + 1;
    for (let cycle = 0; cycle < longest; cycle++) {
      const lines: string[] = [];
      for (const { row, later, at } of this.clicked) {
        const n = (cycle - later) * CYCLE + row;
        if (n >= 0 && n < count) lines.push(`${idOf(n)}\t${BEGAN + cycle * this.cycleMs + at}\n`);
      }
      yield Buffer.from(lines.join(""));
    }
  }

  /** A row with another id and time than in its previous use. */
  private impression(n: number): Buffer {
    const { bytes, time, id } = this.rows[n % CYCLE];
    write(bytes, time, BEGAN + this.sinceBegan(n));
    write(bytes, id, n);
    return bytes;
  }

  private get cycleMs(): number {
    return (CYCLE / this.rate) * 1000;
  }

  private sinceBegan(n: number): number {
    return Math.floor((n / this.rate) * 1000);
  }
}

const idOf = (n: number): string => `e${String(n).padStart(ID.width - 1, "0")}`;

function write(bytes: Buffer, last: number, value: number): void {
  let rest = value;
  for (let at = last; bytes[at] >= ZERO && bytes[at] <= NINE; at--) {
    const above = Math.floor(rest / 10);
    bytes[at] = ZERO + (rest - 10 * above);
    rest = above;
  }
}

function* rowsOf(bytes: Buffer): Generator<Row> {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(LINE, at) + 1;
    let columns = 0;
    let from = at;
    for (; columns < TIME.column; from++) if (bytes[from] === TAB) columns++;
    const time = from + TIME.width - 1;
    yield { bytes: bytes.subarray(at, end), time: time - at, id: time + 1 + ID.width - at };
    at = end;
  }
}

/** ms from impression to click, for each clicked one. */
function delaysOf(rows: readonly Row[], clicks: string): ReadonlyMap<number, number> {
  const text = ({ bytes }: Row, last: number, width: number) => bytes.toString("latin1", last + 1 - width, last + 1);
  const byId = new Map(rows.map((row, i) => [text(row, row.id, ID.width), i]));
  const delays = clicks
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [id, time] = line.split("\t");
      const row = byId.get(id)!;
      return [row, Number(time) - Number(text(rows[row], rows[row].time, TIME.width))] as const;
    });
  return new Map(delays);
}
