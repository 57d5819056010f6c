import type { Room } from "../../core/batch.js";
import { before, type Cut } from "../../sources/files/cut.js";
import { changed } from "../../sources/files/fingerprint.js";
import type { Input } from "../../sources/reader.js";
import type { FileFeeds } from "../files/file-feeds.js";
import { heldOutCut, type Plan, placeOf } from "../files/plan.js";
import type { Job } from "../job.js";
import { batchesOf, type DecodedBatch } from "../stream.js";

/** The events that are scored and never learned: separate files, or the last part of the data. */
export class HeldOut {
  /** The inputs that remain to be learned from. */
  readonly learned: readonly Input[];
  /** Where the last part begins, "FILE OFFSET"; null if none is held out. */
  readonly place: string | null;
  /** Identifies these events, so that figures are compared only over the same ones. */
  readonly data: string;
  /** The file of which only the beginning is learned; null: none. */
  readonly cutFile: number | null;
  private readonly feeds: FileFeeds;
  private readonly inputs: readonly Input[];
  private readonly from: Cut;

  private constructor(feeds: FileFeeds, inputs: readonly Input[], cut: Cut | null) {
    this.feeds = feeds;
    this.learned = cut ? before(inputs, cut) : inputs;
    this.place = placeOf(cut);
    this.cutFile = cut && cut.offset > 0 ? cut.file : null;
    this.from = cut ?? { file: 0, offset: 0 };
    this.inputs = cut ? inputs : feeds.validation;
    this.data = `${this.inputs.map(({ id, bytes }) => `${id} ${bytes}`).join("\n")}\n${this.place ?? ""}`;
  }

  /** @throws usage; source_changed if a resumed run would hold out other events than before */
  static async open(job: Job, feeds: FileFeeds, { inputs, pass, fresh }: Plan): Promise<HeldOut> {
    const held = new HeldOut(feeds, inputs, await heldOutCut(job, inputs, pass.begins));
    if (!fresh && held.place !== pass.held_out) {
      throw changed(
        "--validate-last: the held-out part begins at a different position than when the checkpoint was made",
      );
    }
    return held;
  }

  get any(): boolean {
    return this.inputs.length > 0;
  }

  /** All of them, from the first one on. */
  async *batches(buffer: () => Room): AsyncGenerator<DecodedBatch> {
    const feed = this.feeds.validated(this.inputs);
    const start = { epoch: 0, ...this.from, row: 0 };
    yield* batchesOf(feed, { start, epochs: 1, limit: Number.POSITIVE_INFINITY, buffer });
    await feed.close();
  }
}
