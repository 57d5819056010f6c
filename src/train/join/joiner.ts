import { Batch, type BatchLayout } from "../../core/batch.js";
import type { JoinSpec } from "../../spec/compiled.js";
import type { DecodedBatch } from "../stream.js";
import type { LabelReader } from "./click-reader.js";
import type { JoinState } from "./join-counts.js";

/**
 * Labels impressions by clicks: the interval join of stream processors, inside the trainer, with an index over the
 * rarer stream. Clicks are read just as far as a batch needs them: until every stream has reached a click newer than
 * the batch's newest impression plus window and lateness, or has ended.
 */
export class Joiner {
  private readonly spec: JoinSpec;
  private readonly layout: BatchLayout;
  private readonly clicks: LabelReader;
  private joined: number;

  /** @param clicks opened at the position of `state` */
  constructor(spec: JoinSpec, layout: BatchLayout, clicks: LabelReader, state: JoinState | null) {
    this.spec = spec;
    this.layout = layout;
    this.clicks = clicks;
    this.joined = state?.joined ?? 0;
  }

  /** Why no impression can be labelled now; null: they can. */
  get stalled(): string | null {
    return this.clicks.stalled;
  }

  /**
   * The batch with its labels, and what was rejected and decided while reading clicks.
   * @param at for a topic, messages before the batch; for files 0
   */
  async join(decoded: DecodedBatch, at: number): Promise<DecodedBatch> {
    const batch = new Batch(this.layout, decoded.rows, decoded.buffer, decoded.base);
    if (batch.rows > 0) await this.label(batch, at);
    const { rejects, marks, unused } = this.clicks.takeNews();
    return {
      ...decoded,
      rejects: [...decoded.rejects, ...rejects],
      decisions: [...decoded.decisions, ...marks],
      unused,
      join: this.state,
    };
  }

  get state(): JoinState {
    return { ...this.clicks.state, joined: this.joined };
  }

  close(): Promise<void> {
    return this.clicks.close();
  }

  private async label(batch: Batch, at: number): Promise<void> {
    const { times, labels, idHalves: ids } = batch;
    const { window } = this.spec;
    const newest = times.reduce((newest, time) => Math.max(newest, time), Number.NEGATIVE_INFINITY);
    await this.clicks.readUntil(newest + window, at);
    for (let row = 0; row < batch.rows; row++) {
      const clicked = this.clicks.clicked(ids[2 * row], ids[2 * row + 1], times[row], window);
      labels[row] = Number(clicked);
      this.joined += Number(clicked);
    }
    this.clicks.forget(times.reduce((oldest, time) => Math.min(oldest, time), Number.POSITIVE_INFINITY));
  }
}
