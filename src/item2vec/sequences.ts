import { LargeMap } from "../core/large-map.js";

/** Sequences of numbered ids. */
export interface Sequences {
  /** By number, the id's text: in descending order of frequency, equal ones by first occurrence. */
  readonly ids: readonly string[];
  /** By number, how often the id occurs. */
  readonly counts: Uint32Array;
  /** The ids' numbers, each sequence ended by 0xffffffff. Sequences with fewer than two ids are left out. */
  readonly tokens: Uint32Array;
  /** Number of sequences in `tokens`. */
  readonly sequences: number;
}

const END = 0xffffffff;

/** Collects sequences and numbers their ids. */
export class SequenceReader {
  private readonly numbers = new LargeMap<string, number>();
  private counts = new Uint32Array(1024);
  private tokens = new Uint32Array(65536);
  private length = 0;

  /** Adds a sequence of ids. */
  add(sequence: readonly string[]): void {
    this.addNumbered(sequence.map((id) => this.numberOf(id)));
  }

  /** Adds a sequence of ids' numbers, as given by `numberOf`. */
  addNumbered(sequence: readonly number[]): void {
    for (const number of sequence) this.push(number);
    this.push(END);
  }

  /** The collected sequences, without ids that occur less than `minCount` times. */
  take(minCount: number): Sequences {
    const { counts } = this;
    const texts = [...this.numbers.keys()];
    const kept = [...texts.keys()]
      .filter((id) => counts[id] >= minCount)
      .sort((a, b) => counts[b] - counts[a] || a - b);
    const numbers = new Uint32Array(texts.length).fill(END);
    kept.forEach((id, number) => {
      numbers[id] = number;
    });
    const { tokens, sequences } = this.renumbered(numbers);
    return { ids: kept.map((id) => texts[id]), counts: Uint32Array.from(kept, (id) => counts[id]), tokens, sequences };
  }

  private renumbered(numbers: Uint32Array): { tokens: Uint32Array; sequences: number } {
    const out = new Uint32Array(this.length);
    let to = 0;
    let from = 0;
    let sequences = 0;
    for (let at = 0; at < this.length; at++) {
      const id = this.tokens[at];
      if (id !== END) {
        if (numbers[id] !== END) out[to++] = numbers[id];
        continue;
      }
      if (to - from < 2) to = from;
      else {
        out[to++] = END;
        sequences++;
      }
      from = to;
    }
    return { tokens: out.slice(0, to), sequences };
  }

  /** Counts an occurrence. @returns the id's number, valid until `take` renumbers */
  numberOf(id: string): number {
    let number = this.numbers.get(id);
    if (number === undefined) {
      number = this.numbers.size;
      this.numbers.set(id, number);
      if (number === this.counts.length) this.counts = grown(this.counts);
    }
    this.counts[number]++;
    return number;
  }

  private push(value: number): void {
    if (this.length === this.tokens.length) this.tokens = grown(this.tokens);
    this.tokens[this.length++] = value;
  }
}

function grown(numbers: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * numbers.length);
  larger.set(numbers);
  return larger;
}
