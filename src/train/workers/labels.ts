import type { BatchLayout } from "../../core/batch.js";
import { messagesOf } from "../files/position.js";
import type { Job } from "../job.js";
import type { ClickMark } from "../join/click-stream.js";
import type { Joiner } from "../join/joiner.js";
import type { Piece } from "../validation/validated.js";
import type { StreamStart } from "./thread-messages.js";

type Source = Pick<Joiner, "stalled" | "close">;

/** The source of a job's labels, where they come from clicks. */
export class Labels {
  private readonly job: Job;
  /** null if events have their labels, and before it is opened. */
  private source: Source | null = null;

  constructor(job: Job) {
    this.job = job;
  }

  /** Why no labels come; null: they do, or nothing waits for them. */
  get stalled(): string | null {
    return this.source?.stalled ?? null;
  }

  /** Asks this source for `stalled` from here on, and closes it at the end. */
  use<T extends Source>(source: T): T {
    this.source = source;
    return source;
  }

  /**
   * Impressions with their labels. The clicks are opened with the first impression, and so only in the process that
   * learns.
   * @param fresh the events differ from those learned before
   */
  async *join(
    pieces: AsyncIterable<Piece>,
    layout: BatchLayout,
    start: StreamStart,
    fresh: boolean,
  ): AsyncGenerator<Piece> {
    const beginning = { state: start.join, fresh, replay: marksOf(start) };
    let at = start.position ? messagesOf(start.position) : 0;
    let joiner: Joiner | null = null;
    for await (const piece of pieces) {
      if (piece.kind !== "learn") {
        yield piece;
        continue;
      }
      joiner ??= await this.open(layout, beginning);
      yield { ...piece, decoded: await joiner.join(piece.decoded, at) };
      at = messagesOf(piece.decoded.position);
    }
  }

  /** Loaded if labels come from clicks. */
  private async open(
    layout: BatchLayout,
    beginning: { state: StreamStart["join"]; fresh: boolean; replay: readonly ClickMark[] },
  ): Promise<Joiner> {
    const { openJoiner } = await import("../join/open.js");
    return this.use(await openJoiner(this.job, layout, beginning));
  }

  async close(): Promise<void> {
    await this.source?.close();
  }
}

/** Marks of clicks made by an earlier run after the checkpoint. */
export function marksOf({ replay }: StreamStart): ClickMark[] {
  return replay.filter((decision) => decision.kind === "mark");
}
