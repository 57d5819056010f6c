import { Simulator, type SimulatorOptions } from "./simulator.js";
import { ImpressionWriter, MAX_ROW_BYTES, type SimulatorFormat } from "./writer.js";

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
  /** Takes the bytes of whole rows, in order; they are valid until it returns (or its promise is fulfilled). */
  readonly write: (bytes: Uint8Array) => void | Promise<void>;
}

/** What is known of a simulated stream: the best any model can do, and how much there is to learn. */
export interface SimulatedFacts {
  /** Impressions. */
  readonly rows: number;
  /** Of their text. */
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

/** Generates `rows` impressions, hands their text to `write`, and returns the facts about them. */
export async function simulate(options: SimulateOptions): Promise<SimulatedFacts> {
  const simulator = new Simulator(options.seed, options);
  const writer = new ImpressionWriter(options.format);
  const facts = new FactCounter();
  const chunk = new Uint8Array(CHUNK);
  let end = 0;
  let bytes = 0;
  for (let i = 0; i < options.rows; i++) {
    simulator.next();
    facts.add(simulator.row);
    end = writer.write(simulator.row, chunk, end);
    if (end > CHUNK - MAX_ROW_BYTES || i === options.rows - 1) {
      await options.write(chunk.subarray(0, end));
      bytes += end;
      end = 0;
    }
  }
  return { bytes, ...facts.result() };
}

class FactCounter {
  readonly #clicks = new Float64Array(BINS);
  readonly #others = new Float64Array(BINS);
  readonly #seen = { user: new Seen(), site: new Seen(), ad: new Seen(), campaign: new Seen(), advertiser: new Seen() };
  #rows = 0;
  #loss = 0;

  add(row: Simulator["row"]): void {
    this.#rows++;
    const bin = Math.floor(row.oracle * BINS);
    (row.label ? this.#clicks : this.#others)[bin]++;
    this.#loss -= Math.log(row.label ? row.oracle : 1 - row.oracle);
    if (row.user >= 0) this.#seen.user.add(row.user);
    this.#seen.site.add(row.site);
    this.#seen.ad.add(row.ad);
    this.#seen.campaign.add(row.campaign);
    this.#seen.advertiser.add(row.advertiser);
  }

  result(): Omit<SimulatedFacts, "bytes"> {
    let clicks = 0;
    let others = 0;
    let ordered = 0;
    for (let i = 0; i < BINS; i++) {
      ordered += this.#clicks[i] * (others + this.#others[i] / 2);
      clicks += this.#clicks[i];
      others += this.#others[i];
    }
    const { user, site, ad, campaign, advertiser } = this.#seen;
    return {
      rows: this.#rows,
      baseRate: clicks / this.#rows,
      oracleAuc: ordered / (clicks * others),
      oracleLogloss: this.#loss / this.#rows,
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
  #marks = new Uint8Array(1 << 12);

  add(id: number): void {
    if (id >= this.#marks.length) {
      const grown = new Uint8Array(2 * id);
      grown.set(this.#marks);
      this.#marks = grown;
    }
    this.count += 1 - this.#marks[id];
    this.#marks[id] = 1;
  }
}
