import { wallTime } from "../core/clock.js";
import { xxh64 } from "../kernels/hash.js";
import type { Answered, Impressions, LogCounts } from "../serve/impressions.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { specHash } from "../spec/hash.js";
import type { Scoring, Serving } from "./compose.js";
import type { Written } from "./log-writer.js";
import { type Shape, shapeOf } from "./shape.js";
import { ThreadWriter } from "./thread-writer.js";

/** Writes what a recorder hands over, in order, in another thread. */
export interface Writer {
  tell(specHash: string, shape: Shape): void;
  write(scorings: readonly Scoring[]): Promise<Written>;
  tick(): Promise<Written>;
  close(): Promise<Written>;
}

export interface RecorderOptions {
  /** Share of the requests that is recorded, by their ids. */
  readonly share: number;
  /** Called when writing begins to fail, and when it works again. */
  readonly tell: (text: string) => void;
  /** Bytes of requests that may be queued; more are dropped. Default 32 MiB. */
  readonly queueBytes?: number;
}

const QUEUE_BYTES = 32 << 20;
/** Requests are handed over in batches: this many bytes, or what came within this many milliseconds. */
const HANDED_BYTES = 256 << 10;
const HANDED_MS = 20;
const TICK_MS = 1000;
const SEED = 0x6c6f67n; // "log"

/** Records a share of a server's answers. A request's id decides whether it is included. */
export class Recorder implements Impressions {
  private readonly options: Required<RecorderOptions>;
  private readonly writer: Writer;
  private readonly told = new Set<string>();
  private next: Scoring[] = [];
  private nextBytes = 0;
  private waiting = 0;
  private written = 0;
  private readonly dropped = { queue: 0, write: 0, too_long: 0 };
  private failing = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly ticking: NodeJS.Timeout;
  private last: Promise<unknown> = Promise.resolve();

  constructor(writer: Writer, options: RecorderOptions) {
    this.writer = writer;
    this.options = { queueBytes: QUEUE_BYTES, ...options };
    this.ticking = setInterval(() => void this.tick(), TICK_MS);
    this.ticking.unref();
  }

  /**
   * Opens a log, which a separate thread writes.
   * @param to a directory, or `kafka://HOST:PORT[,HOST:PORT…]/TOPIC`
   * @throws HashbrookError usage, log_write, kafka_… if it cannot be written
   */
  static async open(to: string, serving: Serving, options: RecorderOptions): Promise<Recorder> {
    return new Recorder(await ThreadWriter.open(to, serving, options.tell), options);
  }

  get counts(): LogCounts {
    const { written, dropped, waiting } = this;
    return { written, dropped: { ...dropped }, waiting };
  }

  /** Accepts the request if it is in the share and there is room. */
  offer({ request, body: bodyOf, scored, spec, drawn }: Answered): void {
    if (!isSampled(request, this.options.share)) return;
    const body = bodyOf();
    const { scores, calibrated, model } = scored;
    const bytes = body.byteLength + 16 * scores.length;
    if (this.waiting + bytes > this.options.queueBytes) {
      this.dropped.queue += scores.length;
      return;
    }
    if (!this.tell(model.spec_hash, spec)) {
      this.dropped.write += scores.length;
      return;
    }
    this.waiting += bytes;
    this.nextBytes += bytes;
    this.next.push({ request, body, scores, calibrated, model, time: wallTime(), drawn });
    if (this.nextBytes >= HANDED_BYTES) this.hand();
    else this.timer ??= setTimeout(() => this.hand(), HANDED_MS);
  }

  /** Makes what was written durable; called once a second. */
  tick(): Promise<void> {
    return this.settle(this.writer.tick(), 0, 0);
  }

  /** Waits until everything accepted is written, and the log is complete. */
  async close(): Promise<void> {
    clearInterval(this.ticking);
    this.hand();
    await this.last;
    await this.settle(this.writer.close(), 0, 0);
    const { queue, write, too_long } = this.dropped;
    const lost = queue + write + too_long;
    if (lost > 0) this.options.tell(`impression log: ${lost} candidates were dropped, ${this.written} written`);
  }

  /** @returns false if the spec does not match the scores: another model has just taken over */
  private tell(hash: string, spec: CompiledSpec): boolean {
    if (this.told.has(hash)) return true;
    if (specHash(spec) !== hash) return false;
    this.told.add(hash);
    this.writer.tell(hash, shapeOf(spec));
    return true;
  }

  private hand(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { next, nextBytes } = this;
    if (next.length === 0) return;
    this.next = [];
    this.nextBytes = 0;
    const lines = next.reduce((sum, { scores }) => sum + scores.length, 0);
    this.last = this.settle(this.writer.write(next), nextBytes, lines);
  }

  private async settle(writing: Promise<Written>, bytes: number, lines: number): Promise<void> {
    const { written, tooLong, failed, error } = await writing.catch((error: Error) => ({
      written: 0,
      tooLong: 0,
      failed: lines,
      error,
    }));
    this.waiting -= bytes;
    this.written += written;
    this.dropped.too_long += tooLong;
    this.dropped.write += failed;
    if (error && !this.failing) this.options.tell(`impression log: ${error.message}; scoring continues without it`);
    if (!error && written > 0 && this.failing) this.options.tell("impression log: writing again");
    if (error || written > 0) this.failing = error !== undefined;
  }
}

/** Whether a request is in the share: the same on every server. */
export function isSampled(request: string, share: number): boolean {
  return share >= 1 || Number(xxh64(request, SEED) >> 11n) < share * 2 ** 53;
}
