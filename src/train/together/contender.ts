import { systemClock } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { ScoreBlocks } from "../../metrics/score-blocks.js";
import type { Span } from "../../metrics/split.js";
import type { EndedBy, SourceState } from "../consumer.js";
import { isBefore, placeIn } from "../files/position.js";
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
  /** Of the batch being learned: events of the stream before it, and for each one it rejects the rows before that. */
  private current: { readonly place: number; readonly gaps: readonly number[] } = { place: 0, gaps: [] };
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

  /** Where it is in the stream: see `placeIn`. */
  get place(): number {
    return placeIn(this.startsAt ?? this.streamAt, this.trainer.runMetrics);
  }

  get examples(): number {
    return this.trainer.runMetrics.examples;
  }

  /** Learns a batch, unless it has learned it already. @throws checkpoint_mismatch; as `Trainer.consume` */
  async consume(decoded: DecodedBatch, source: SourceState): Promise<void> {
    const { startsAt, streamAt } = this;
    this.current = { place: this.place, gaps: gapsOf(decoded, streamAt) };
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
    let last = 0;
    for (const span of [...seen, { from: logits.length, to: logits.length }]) {
      for (const { from, to, place } of this.unbroken(last, span.from)) {
        const rows = [Math.min(to, Math.max(from, from + this.since - place)), to] as const;
        const first = place + rows[0] - from;
        this.blocks.add(first, logits.subarray(...rows), labels.subarray(...rows), weights.subarray(...rows));
      }
      last = span.to;
    }
  }

  /** Rows of the batch in pieces without a rejected event between them, and each one's place. */
  private *unbroken(start: number, end: number): Generator<Span & { readonly place: number }> {
    const { place, gaps } = this.current;
    let from = start;
    for (const [i, gap] of [...gaps, end].entries()) {
      const to = Math.min(gap, end);
      if (to <= from) continue;
      yield { from, to, place: place + i + from };
      from = to;
    }
  }
}

/**
 * For every reject of a batch, the number of its rows before it. Empty if that is not known: for messages, and where not
 * every line was an event. The rows' places are then off by at most the batch's rejects.
 */
function gapsOf({ rejects, rows, position }: DecodedBatch, before: StreamPosition | null): number[] {
  if (!before || "messages" in before || "messages" in position) return [];
  const lines = position.file === before.file ? position.row - before.row : -1;
  return lines === rows + rejects.length ? rejects.map(({ row }, i) => row - before.row - 1 - i) : [];
}

function within(): HashbrookError {
  return new HashbrookError("checkpoint_mismatch", "its checkpoint is in the middle of a batch of the other models", {
    hint: "resume it alone: hashbrook train --model SPEC --out ITS_DIRECTORY --resume",
  });
}
