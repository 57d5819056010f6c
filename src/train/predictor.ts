import { closeSync, openSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Batch } from "../core/batch.js";
import type { Clock } from "../core/clock.js";
import { errorCode, outputError } from "../core/files.js";
import { sigmoid } from "../metrics/kernel.js";
import { type LoadedModel, loadModel } from "../model/load.js";
import type { Consumer, EndedBy, SourceState } from "./consumer.js";
import type { Job, Progress, Report } from "./job.js";
import type { DecodedBatch } from "./stream.js";
import { Tally } from "./tally.js";

/** Rows scored at a time. */
const CAPACITY = 512;
const STDOUT = 1;
/** Between attempts to write into a pipe that is full. */
const FULL_MS = 5;

/** Writes one probability a line for every row of a stream. */
export class Predictor implements Consumer {
  readonly start = null;
  readonly replay = [];
  readonly committed = null;
  readonly fingerprints = [];
  readonly limit: number;
  readonly capacity = CAPACITY;
  private readonly loaded: LoadedModel;
  private readonly tally: Tally;
  private readonly out: { readonly name: string; readonly file: number };

  private constructor(job: Job, clock: Clock, loaded: LoadedModel) {
    this.limit = job.limit ?? Number.POSITIVE_INFINITY;
    this.loaded = loaded;
    this.tally = new Tally(loaded.spec, job, clock);
    this.out = { name: job.out!, file: job.out === "-" ? STDOUT : openOutput(job.out!) };
  }

  static async open(job: Job, clock: Clock): Promise<Predictor> {
    return new Predictor(job, clock, await loadModel(job.checkpoint!, { capacity: CAPACITY, threads: job.threads }));
  }

  async consume(decoded: DecodedBatch, { totalBytes }: SourceState): Promise<void> {
    const batch = new Batch(this.loaded.layout, decoded.rows, decoded.buffer);
    if (batch.rows > 0) await this.write(sigmoid(await this.loaded.model.predict(batch)));
    this.tally.count(batch, decoded, 0, totalBytes);
  }

  progress(): Omit<Progress, "source"> {
    return this.tally.progress(this.loaded.model);
  }

  async finish(endedBy: EndedBy): Promise<Report> {
    return this.tally.report(this.loaded.model, this.loaded.path, endedBy);
  }

  async close(): Promise<void> {
    if (this.out.file !== STDOUT) closeSync(this.out.file);
    await this.loaded.model.close();
  }

  private async write(probabilities: Float32Array): Promise<void> {
    const bytes = Buffer.from(`${Array.from(probabilities, String).join("\n")}\n`);
    for (let at = 0; at < bytes.length; ) {
      const written = this.tryWrite(bytes, at);
      if (written === 0) await sleep(FULL_MS);
      at += written;
    }
  }

  /** @returns bytes written: 0 where a pipe is full, since Node makes standard output non-blocking once a thread is started */
  private tryWrite(bytes: Buffer, at: number): number {
    try {
      return writeSync(this.out.file, bytes, at);
    } catch (cause) {
      if (errorCode(cause) === "EAGAIN") return 0;
      throw outputError(this.out.name, cause);
    }
  }
}

function openOutput(path: string): number {
  try {
    return openSync(path, "w");
  } catch (cause) {
    throw outputError(path, cause);
  }
}
