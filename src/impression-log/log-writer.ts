import { type PlainError, toPlainError } from "../core/errors.js";
import { Composer, type Scoring, type Serving } from "./compose.js";
import { Lines } from "./lines.js";
import type { Shape } from "./shape.js";
import type { LogSink } from "./sink.js";

/** The outcome of writing requests' lines. Plain data. */
export interface Written {
  readonly written: number;
  /** Lines or requests over the size limit. */
  readonly tooLong: number;
  /** Not accepted by the disk or the topic, or written and then removed. */
  readonly failed: number;
  /** Why. */
  readonly error: PlainError | undefined;
}

/** Lines are written when they reach this size. */
const CHUNK_BYTES = 1 << 20;

/** Writes scored requests into a log. It never throws: what cannot be written is counted. */
export class LogWriter {
  private readonly sink: LogSink;
  private readonly composer: Composer;
  private readonly lines = new Lines();
  private keys: string[] = [];
  /** Of the last operation. */
  private written = 0;
  private failed = 0;
  private refused = 0;
  private error: PlainError | undefined;

  constructor(sink: LogSink, serving: Serving) {
    this.sink = sink;
    this.composer = new Composer(serving);
  }

  tell(specHash: string, shape: Shape): void {
    this.composer.tell(specHash, shape);
  }

  async write(scorings: readonly Scoring[]): Promise<Written> {
    let tooLong = 0;
    for (const scoring of scorings) {
      const before = this.lines.count;
      tooLong += this.composer.compose(this.lines, scoring);
      for (let i = before; i < this.lines.count; i++) this.keys.push(scoring.request);
      if (this.lines.size >= CHUNK_BYTES) await this.flush();
    }
    await this.flush();
    return this.told(tooLong);
  }

  /** Call once a second. */
  async tick(): Promise<Written> {
    await this.trying(async () => this.sink.tick());
    return this.told(0);
  }

  async close(): Promise<Written> {
    await this.trying(() => this.sink.close());
    return this.told(0);
  }

  private told(tooLong: number): Written {
    const { written, refused, error } = this;
    const failed = this.failed + this.sink.lost();
    this.written = this.failed = this.refused = 0;
    this.error = undefined;
    return { written, tooLong: tooLong + refused, failed, error };
  }

  private async flush(): Promise<void> {
    const { lines, keys } = this;
    const { count } = lines;
    if (count === 0) return;
    const refused = await this.trying(() => this.sink.write(lines, keys));
    if (refused === null) this.failed += count;
    else {
      this.written += count - refused;
      this.refused += refused;
    }
    lines.clear();
    this.keys = [];
  }

  /** @returns null if it failed */
  private async trying<T>(step: () => Promise<T>): Promise<T | null> {
    try {
      return await step();
    } catch (error) {
      this.error = toPlainError(error);
      return null;
    }
  }
}
