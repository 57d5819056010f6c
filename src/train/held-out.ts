import type { Room } from "../core/batch.js";
import { Decoder } from "../decode/decoder.js";
import { before, type Cut } from "../sources/files/cut.js";
import { changed } from "../sources/files/fingerprint.js";
import type { Input } from "../sources/reader.js";
import { type ByteSource, inputsFor, sourceOf } from "../sources/source.js";
import type { Job } from "./job.js";
import { heldOutCut, type Plan, placeOf } from "./plan.js";
import { type DecodedBatch, decodedBatches } from "./stream.js";

/** The events that are scored and never learned: files of their own, or the last part of the data. */
export class HeldOut {
  /** What is left to learn from. */
  readonly learned: readonly Input[];
  /** Where the last part begins, "FILE OFFSET"; null where none is held out. */
  readonly place: string | null;
  /** What tells these events from others, to compare figures by. */
  readonly data: string;
  /** The file of which only the beginning is learned; null: none. */
  readonly cutFile: number | null;
  private readonly job: Job;
  private readonly inputs: readonly Input[];
  private readonly from: Cut;
  private decoder: Decoder | null = null;

  private constructor(job: Job, inputs: readonly Input[], cut: Cut | null) {
    const separate = job.validate.length > 0;
    this.job = job;
    this.learned = cut ? before(inputs, cut) : inputs;
    this.place = placeOf(cut);
    this.cutFile = cut && cut.offset > 0 ? cut.file : null;
    this.from = cut ?? { file: 0, offset: 0 };
    // Every epoch reads them anew, so they must bear to be read twice.
    this.inputs = cut ? inputs : separate ? inputsFor(job.validate, { epochs: 2 }) : [];
    this.data = `${this.inputs.map(({ id, bytes }) => `${id} ${bytes}`).join("\n")}\n${this.place ?? ""}`;
  }

  /** @throws usage; source_changed when a resumed run would hold out other events than before */
  static async open(job: Job, { inputs, pass, fresh }: Plan): Promise<HeldOut> {
    const held = new HeldOut(job, inputs, await heldOutCut(job, inputs, pass.begins));
    if (!fresh && held.place !== pass.held_out) {
      throw changed("--validate-last: the held-out part begins elsewhere than when the checkpoint was made");
    }
    return held;
  }

  get any(): boolean {
    return this.inputs.length > 0;
  }

  /** All of them, from the first one on. */
  async *batches(capacity: number, buffer: () => ArrayBufferLike | Room): AsyncGenerator<DecodedBatch> {
    this.decoder ??= new Decoder(this.job.spec, { capacity, distinct: false });
    const source: ByteSource = sourceOf(this.inputs);
    const start = { epoch: 0, ...this.from, row: 0 };
    yield* decodedBatches(source, this.decoder, { start, epochs: 1, limit: Number.POSITIVE_INFINITY, buffer });
    await source.close();
  }
}
