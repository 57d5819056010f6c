import { checkArguments } from "../../core/arguments.js";
import { DelayedClicks } from "./clicks.js";
import { Simulator, type SimulatorOptions } from "./simulator.js";
import { clickWriter, ImpressionWriter, MAX_ROW_BYTES, type SimulatorFormat } from "./writer.js";

const CHUNK = 1 << 20;
const BINS = 1 << 14;

/** Which stream to simulate, and where its bytes go. */
export interface SimulateOptions extends SimulatorOptions {
  /** Impressions. */
  readonly rows: number;
  /** A 32-bit integer. */
  readonly seed: number;
  /** Tab-separated columns, or JSON lines. */
  readonly format: SimulatorFormat;
  /** Receives the bytes of whole rows, in order; they are valid until it returns (or its promise is fulfilled). */
  readonly write: SimulatedSink;
  /**
   * Also writes the stream as a server and its users would report it: impressions without labels, and clicks that
   * arrive later.
   */
  readonly split?: SplitOptions | undefined;
}

/** Receives bytes, which are valid until it returns or its promise is fulfilled. */
export type SimulatedSink = (bytes: Uint8Array) => void | Promise<void>;

/** Receivers of impressions without a label, and of their clicks in the order of time. */
export interface SplitOptions {
  /** As `write`: the same rows, with the label missing. */
  readonly impressions?: SimulatedSink | undefined;
  /** As `write`: rows of an event id and a time. */
  readonly clicks?: SimulatedSink | undefined;
  /** Milliseconds after its impression within which a click counts. */
  readonly window: number;
}

/** Statistics of a simulated stream: the best result any model can reach, and how many ids there are to learn. */
export interface SimulatedFacts {
  /** Impressions. */
  readonly rows: number;
  /** Bytes of their text. */
  readonly bytes: number;
  /** Share of clicks. */
  readonly baseRate: number;
  /** AUC of the true click probability, from a histogram of 2^14 equal bins (ties in a bin count half). */
  readonly oracleAuc: number;
  /** Mean log loss of the true click probability, in nats. */
  readonly oracleLogloss: number;
  /** Ids that occurred, by kind. */
  readonly distinct: Readonly<Record<"user" | "site" | "ad" | "campaign" | "advertiser", number>>;
}

/** Generates `rows` impressions, passes their text to `write`, and returns statistics. */
export async function simulate(options: SimulateOptions): Promise<SimulatedFacts> {
  checkArguments("simulate", options, { rows: "whole", seed: "number", format: "text", write: "function" });
  const { rows, seed, format, write, split, ...world } = options;
  const simulator = new Simulator(seed, world);
  const writer = new ImpressionWriter(format);
  const facts = new FactCounter();
  const events = new Chunks(write);
  const parts = split && new Parts(seed, format, split);
  for (let i = 0; i < rows; i++) {
    simulator.next();
    const { row } = simulator;
    if (row.label && parts?.click(row) === false) row.label = 0;
    facts.add(row);
    await events.add((bytes, at) => writer.write(row, bytes, at));
    await parts?.add(row, writer);
  }
  await events.flush();
  await parts?.flush();
  return { bytes: events.bytes, ...facts.result() };
}

/** Collects rows into larger chunks. */
class Chunks {
  bytes = 0;
  private readonly write: SimulatedSink;
  private readonly chunk = new Uint8Array(CHUNK);
  private end = 0;

  constructor(write: SimulatedSink) {
    this.write = write;
  }

  /** @param row writes one row at a position of the bytes, and returns the position after it */
  add(row: (bytes: Uint8Array, at: number) => number): void | Promise<void> {
    this.end = row(this.chunk, this.end);
    if (this.end > CHUNK - MAX_ROW_BYTES) return this.flush();
  }

  async flush(): Promise<void> {
    const end = this.end;
    this.end = 0;
    this.bytes += end;
    if (end > 0) await this.write(this.chunk.subarray(0, end));
  }
}

/** Writes impressions and clicks separately. */
class Parts {
  private readonly impressions: Chunks;
  private readonly clicks: Chunks;
  private readonly delayed: DelayedClicks;
  private readonly writeClick: ReturnType<typeof clickWriter>;

  constructor(seed: number, format: SimulatorFormat, { impressions, clicks, window }: SplitOptions) {
    this.impressions = new Chunks(impressions ?? (() => {}));
    this.clicks = new Chunks(clicks ?? (() => {}));
    this.delayed = new DelayedClicks(seed, window);
    this.writeClick = clickWriter(format);
  }

  /** @returns whether the click on this impression will be reported */
  click(row: Simulator["row"]): boolean {
    return this.delayed.add(row);
  }

  async add(row: Simulator["row"], writer: ImpressionWriter): Promise<void> {
    const { label } = row;
    row.label = -1;
    await this.impressions.add((bytes, at) => writer.write(row, bytes, at));
    row.label = label;
    await this.writeClicks(row.time);
  }

  async flush(): Promise<void> {
    await this.writeClicks(Number.POSITIVE_INFINITY);
    await this.impressions.flush();
    await this.clicks.flush();
  }

  /** Writes the clicks before a time (ms). */
  private async writeClicks(time: number): Promise<void> {
    for (let click = this.delayed.next(time); click; click = this.delayed.next(time)) {
      const due = click;
      await this.clicks.add((bytes, at) => this.writeClick(due, bytes, at));
    }
  }
}

class FactCounter {
  private readonly clicks = new Float64Array(BINS);
  private readonly others = new Float64Array(BINS);
  private readonly seen = {
    user: new Seen(),
    site: new Seen(),
    ad: new Seen(),
    campaign: new Seen(),
    advertiser: new Seen(),
  };
  private rows = 0;
  private loss = 0;

  add(row: Simulator["row"]): void {
    this.rows++;
    const bin = Math.floor(row.oracle * BINS);
    (row.label ? this.clicks : this.others)[bin]++;
    this.loss -= Math.log(row.label ? row.oracle : 1 - row.oracle);
    if (row.user >= 0) this.seen.user.add(row.user);
    this.seen.site.add(row.site);
    this.seen.ad.add(row.ad);
    this.seen.campaign.add(row.campaign);
    this.seen.advertiser.add(row.advertiser);
  }

  result(): Omit<SimulatedFacts, "bytes"> {
    let clicks = 0;
    let others = 0;
    let ordered = 0;
    for (let i = 0; i < BINS; i++) {
      ordered += this.clicks[i] * (others + this.others[i] / 2);
      clicks += this.clicks[i];
      others += this.others[i];
    }
    const { user, site, ad, campaign, advertiser } = this.seen;
    return {
      rows: this.rows,
      baseRate: clicks / this.rows,
      oracleAuc: ordered / (clicks * others),
      oracleLogloss: this.loss / this.rows,
      distinct: {
        user: user.count,
        site: site.count,
        ad: ad.count,
        campaign: campaign.count,
        advertiser: advertiser.count,
      },
    };
  }
}

/** Counts distinct small integers. */
class Seen {
  count = 0;
  private marks = new Uint8Array(1 << 12);

  add(id: number): void {
    if (id >= this.marks.length) {
      const grown = new Uint8Array(2 * id);
      grown.set(this.marks);
      this.marks = grown;
    }
    this.count += 1 - this.marks[id];
    this.marks[id] = 1;
  }
}
