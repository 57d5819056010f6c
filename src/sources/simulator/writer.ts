import type { Click } from "./clicks.js";
import { type Impression, simulatorColumns } from "./impression.js";
import * as names from "./names.js";

export const simulatorFormats = ["tsv", "json"] as const;
/** Tab-separated columns, or JSON lines. */
export type SimulatorFormat = (typeof simulatorFormats)[number];

/** Maximum size of a row in bytes, in either format. */
export const MAX_ROW_BYTES = 1024;

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const vocabulary = (words: readonly string[]) => words.map(ascii);

const ages = vocabulary(names.ages);
const genders = vocabulary(names.genders);
const countries = vocabulary(names.countries);
const devices = vocabulary(names.devices);
const systems = vocabulary(names.systems);
const browsers = vocabulary(names.browsers);
const connections = vocabulary(names.connections);
const slots = vocabulary(names.slots);
const siteCategories = vocabulary(names.siteCategories);
const adCategories = vocabulary(names.adCategories);
const sizes = vocabulary(names.sizes);
const topics = vocabulary(names.topics);
const NULL = ascii("null");
const QUOTE = 0x22;

/** The bytes of a format around values. */
interface Punctuation {
  /** Before each column's value. */
  readonly before: readonly Uint8Array[];
  readonly end: Uint8Array;
  readonly quoted: boolean;
  readonly missing: Uint8Array;
  readonly list: { readonly open: Uint8Array; readonly between: Uint8Array; readonly close: Uint8Array };
}

const punctuation: Record<SimulatorFormat, Punctuation> = {
  tsv: {
    before: simulatorColumns.map((_, i) => ascii(i === 0 ? "" : "\t")),
    end: ascii("\n"),
    quoted: false,
    missing: ascii(""),
    list: { open: ascii(""), between: ascii("|"), close: ascii("") },
  },
  json: {
    before: simulatorColumns.map((name, i) => ascii(`${i === 0 ? "{" : ","}"${name}":`)),
    end: ascii("}\n"),
    quoted: true,
    missing: NULL,
    list: { open: ascii("["), between: ascii(","), close: ascii("]") },
  },
};

/** Writes impressions as text, one per line, directly into a byte array. */
export class ImpressionWriter {
  private readonly marks: Punctuation;
  private bytes = new Uint8Array(0);
  private end = 0;
  private column = 0;

  constructor(format: SimulatorFormat) {
    this.marks = punctuation[format];
  }

  /**
   * Writes one row at byte `at` of `bytes`, which must have MAX_ROW_BYTES of room there. Returns the position after it.
   */
  write(row: Impression, bytes: Uint8Array, at: number): number {
    this.bytes = bytes as Uint8Array<ArrayBuffer>;
    this.end = at;
    this.column = 0;
    this.number(row.label);
    this.decimal(Math.round(row.oracle * 100_000), 5);
    this.number(row.time);
    this.id(0x65, row.event);
    this.id(0x75, row.user);
    this.word(ages[row.age]);
    this.word(genders[row.gender]);
    this.word(countries[row.country]);
    this.word(devices[row.device]);
    this.word(systems[row.system]);
    this.word(browsers[row.browser]);
    this.word(connections[row.connection]);
    this.number(row.hour);
    this.number(row.day);
    this.word(slots[row.slot]);
    this.id(0x73, row.site);
    this.word(siteCategories[row.siteCategory]);
    this.id(0x61, row.ad);
    this.id(0x63, row.campaign);
    this.id(0x76, row.advertiser);
    this.word(adCategories[row.adCategory]);
    this.word(sizes[row.size]);
    this.number(row.bid);
    this.number(row.views);
    this.topics(row);
    this.decimal(row.price, 2);
    this.decimal(row.hint, 4);
    this.number(row.query);
    this.copy(this.marks.end);
    return this.end;
  }

  private copy(text: Uint8Array): void {
    for (let i = 0; i < text.length; i++) this.bytes[this.end++] = text[i];
  }

  private next(): void {
    this.copy(this.marks.before[this.column++]);
  }

  private quote(): void {
    if (this.marks.quoted) this.bytes[this.end++] = QUOTE;
  }

  private word(word: Uint8Array): void {
    this.next();
    if (word.length === 0) this.copy(this.marks.missing);
    else {
      this.quote();
      this.copy(word);
      this.quote();
    }
  }

  /** A letter and a number; −1 is a missing value. */
  private id(letter: number, n: number): void {
    this.next();
    if (n < 0) this.copy(this.marks.missing);
    else {
      this.quote();
      this.bytes[this.end++] = letter;
      this.digits(n, 1);
      this.quote();
    }
  }

  private number(n: number): void {
    this.next();
    if (n < 0) this.copy(this.marks.missing);
    else this.digits(n, 1);
  }

  /** `scaled` / 10^places; −1 is a missing value. */
  private decimal(scaled: number, places: number): void {
    this.next();
    if (scaled < 0) this.copy(this.marks.missing);
    else {
      this.digits(scaled, places + 1);
      const point = this.end - places;
      this.bytes.copyWithin(point + 1, point, this.end++);
      this.bytes[point] = 0x2e;
    }
  }

  private topics(row: Impression): void {
    const { list } = this.marks;
    this.next();
    this.copy(list.open);
    for (let i = 0; i < row.interestCount; i++) {
      if (i > 0) this.copy(list.between);
      this.quote();
      this.copy(topics[row.interests[i]]);
      this.quote();
    }
    this.copy(list.close);
  }

  /** Decimal digits of an integer < 2^53, at least `width`. */
  private digits(n: number, width: number): void {
    let count = 1;
    for (let limit = 10; n >= limit; limit *= 10) count++;
    if (count < width) count = width;
    const start = this.end;
    this.end += count;
    for (let i = this.end - 1; i >= start; i--) {
      const rest = Math.floor(n / 10);
      this.bytes[i] = 0x30 + (n - rest * 10);
      n = rest;
    }
  }
}

/** Returns a function that writes clicks: an event id and a time, in the order of their names. */
export function clickWriter(format: SimulatorFormat): (click: Click, bytes: Uint8Array, at: number) => number {
  const text =
    format === "tsv"
      ? ({ event, time }: Click) => `e${event}\t${time}\n`
      : ({ event, time }: Click) => `{"event_id":"e${event}","ts_ms":${time}}\n`;
  return (click, bytes, at) => {
    const row = ascii(text(click));
    bytes.set(row, at);
    return at + row.length;
  };
}
