import { checkArguments } from "../../core/arguments.js";
import { DelayedClicks } from "./clicks.js";
import { FactCounter, type SimulatedFacts } from "./facts.js";
import { Simulator, type SimulatorOptions } from "./simulator.js";
import { clickWriter, ImpressionWriter, MAX_ROW_BYTES, type SimulatorFormat, simulatorFormats } from "./writer.js";

const CHUNK = 1 << 20;

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

/** Generates `rows` impressions, passes their text to `write`, and returns statistics. */
export async function simulate(options: SimulateOptions): Promise<SimulatedFacts> {
  checkArguments("simulate", options, {
    rows: "whole",
    seed: "integer",
    format: "text",
    write: "function",
    split: "?split",
  });
  checkArguments("simulate", options, { format: simulatorFormats });
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
