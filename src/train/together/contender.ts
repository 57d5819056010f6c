import { systemClock } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { ScoreBlocks } from "../../metrics/score-blocks.js";
import type { Span } from "../../metrics/split.js";
import type { EndedBy, SourceState } from "../consumer.js";
import { isBefore } from "../files/position.js";
import type { Job, StreamPosition } from "../job.js";
import type { Report } from "../metrics/report.js";
import type { DecodedBatch } from "../stream.js";
import { Trainer } from "../trainer.js";
import type { RetryOptions } from "../workers/retry.js";
import type { SourceHealth, StreamStart } from "../workers/thread-messages.js";
import type { Figures } from "./messages.js";

/** A model that learns beside others: a trainer, its start position, and its scores for comparison. */
export class Contender {
  readonly trainer: Trainer;
  private readonly blocks = new ScoreBlocks();
  private since = 0;
  /** The position it starts after; null once that is reached. */
  private startsAt: StreamPosition | null = null;
  private streamAt: StreamPosition | null = null;

  private constructor(trainer: Trainer) {
    this.trainer = trainer;
  }

  /**
   * @param onStart called with its start position, before its model is loaded.
   * @throws as `Trainer.open`
   */
  static async open(job: Job, retry: RetryOptions, onStart: (start: StreamStart) => void): Promise<Contender> {
    let contender: Contender | null = null;
    const trainer = await Trainer.open(job, {
      clock: systemClock,
      follower: null,
      retry,
      upstream: { join() {}, start: onStart, spare() {} },
      scored: (logits, batch, seen) => contender!.compare(logits, batch, seen),
    });
    contender = new Contender(trainer);
    return contender;
  }

  /**
   * Sets where it starts, where the stream begins, and the event from which its scores are compared. Batches before
   * `at` are skipped: it has learned them already.
   */
  begin(at: StreamPosition, stream: StreamPosition, since: number): void {
    this.startsAt = isBefore(stream, at) ? at : null;
    this.streamAt = stream;
    this.since = since;
  }

  /** Number of events it has received, learned and rejected. */
  get place(): number {
    const { examples, rejected } = this.trainer.runMetrics;
    return examples + rejected;
  }

  get examples(): number {
    return this.trainer.runMetrics.examples;
  }

  /** Learns a batch, unless it has learned it already. @throws checkpoint_mismatch; as `Trainer.consume` */
  async consume(decoded: DecodedBatch, source: SourceState): Promise<void> {
    const { startsAt, streamAt } = this;
    this.streamAt = decoded.position;
    if (startsAt) {
      if (!isBefore(startsAt, decoded.position)) return;
      if (streamAt && isBefore(streamAt, startsAt)) throw within();
      this.startsAt = null;
    }
    await this.trainer.consume(decoded, source);
  }

  /** Whether it is ahead of the stream. */
  get waits(): boolean {
    return this.startsAt !== null;
  }

  async finish(endedBy: EndedBy): Promise<Report> {
    return this.trainer.finish(endedBy);
  }

  figures(source: SourceHealth | null): Figures {
    return { progress: { ...this.trainer.progress(), source }, scores: this.blocks.until(this.place) };
  }

  private compare(
    logits: Float32Array,
    { labels, weights }: { labels: Float32Array; weights: Float32Array },
    seen: readonly Span[],
  ): void {
    const { place } = this;
    let from = Math.max(0, this.since - place);
    for (const span of [...seen, { from: logits.length, to: logits.length }]) {
      const to = Math.max(from, span.from);
      const rows = [from, to] as const;
      this.blocks.add(place + from, logits.subarray(...rows), labels.subarray(...rows), weights.subarray(...rows));
      from = Math.max(from, span.to);
    }
  }
}

function within(): HashbrookError {
  return new HashbrookError("checkpoint_mismatch", "its checkpoint is in the middle of a batch of the other models", {
    hint: "resume it alone: hashbrook train --model SPEC --out ITS_DIRECTORY --resume",
  });
}
