import type { Room } from "../../core/batch.js";
import type { FileFeed } from "../feed.js";
import { FileFeeds } from "../files/file-feeds.js";
import type { FileEnd } from "../files/pass.js";
import { type Plan, planFiles } from "../files/plan.js";
import { isBefore } from "../files/position.js";
import type { Job } from "../job.js";
import type { LateLabels } from "../join/late-labels.js";
import { batchesOf, type StreamOptions } from "../stream.js";
import { HeldOut } from "../validation/held-out.js";
import { type Piece, validated } from "../validation/validated.js";
import type { Labels } from "./labels.js";
import type { Outlets } from "./outlets.js";
import type { StreamStart } from "./thread-messages.js";

interface Opened {
  readonly feeds: FileFeeds;
  /** What is learned, or scored by eval and predict. */
  readonly feed: FileFeed;
  readonly held: HeldOut;
  /** Of the model that begins first, with its start. */
  readonly plan: Plan;
  readonly start: StreamStart;
  /** Gives a free buffer. */
  readonly buffer: () => Room;
}

/** Decodes a list of files. */
export class FileDecoding {
  private readonly job: Job;
  private readonly labels: Labels;
  private readonly opened: Opened;
  /** Examples still to be read. */
  private readonly limit: number;
  private readonly ends: FileEnd[];
  /** Corrections of impressions learned before their clicks came; null: there are none. */
  private late: LateLabels | null = null;

  private constructor(job: Job, labels: Labels, opened: Opened) {
    const { plan, start } = opened;
    this.job = job;
    this.labels = labels;
    this.opened = opened;
    this.limit = Math.max(0, (job.limit ?? Number.POSITIVE_INFINITY) - (start.examples - plan.pass.from));
    this.ends = [...plan.pass.ends];
  }

  /**
   * Passes everything on to the consumers.
   * @param starts where each of their models begins
   * @returns whether the limit was reached
   */
  static async run(job: Job, starts: readonly StreamStart[], outlets: Outlets, labels: Labels): Promise<boolean> {
    return new FileDecoding(job, labels, await open(job, starts, outlets)).run(outlets);
  }

  private async run(outlets: Outlets): Promise<boolean> {
    const { ends, limit } = this;
    const { feed, held } = this.opened;
    const known = () => ({ fingerprints: feed.fingerprints, totalBytes: feed.totalBytes, ends });
    const limited = await outlets.pass(await this.pieces(), { limit, known, validation: held.data });
    await this.labels.close();
    await feed.close();
    return limited;
  }

  private async pieces(): Promise<AsyncIterable<Piece>> {
    const { job, limit } = this;
    const { feeds, feed, held, plan, start, buffer } = this.opened;
    const options = this.streamOptions();
    this.late = job.kind === "train" && job.spec.join?.correct ? await this.openLate(options) : null;
    const pieces = validated(this.late?.batches() ?? batchesOf(feed, options), {
      epochs: plan.start.epoch,
      done: plan.fresh ? 0 : start.validated,
      limit,
      validation: held.any ? () => held.batches(buffer) : null,
    });
    return job.clicks && !this.late ? this.labels.join(pieces, feeds.layout, start, plan.fresh) : pieces;
  }

  private streamOptions(): StreamOptions {
    const { held, plan, buffer } = this.opened;
    return {
      start: plan.start,
      epochs: this.job.epochs,
      limit: this.limit,
      buffer,
      everyEpoch: held.any,
      begins: plan.pass.begins,
      onFileEnd: (file, end) => this.endFile(file, end),
    };
  }

  private endFile(file: number, { rows, ...end }: { offset: number; row: number; rows: number }): void {
    const { feed, held, start } = this.opened;
    const stored = file === held.cutFile ? null : feed.files[file].bytes;
    this.ends[file] = { ...end, stored, examples: start.examples + rows + (this.late?.corrections ?? 0) };
  }

  private async openLate(options: StreamOptions): Promise<LateLabels> {
    const { feeds, feed, plan, start } = this.opened;
    const { openReader } = await import("../join/open.js");
    const { openLateLabels } = await import("../join/open-late.js");
    const clicks = this.labels.use(await openReader(this.job, { state: start.join, fresh: plan.fresh, replay: [] }));
    return openLateLabels(this.job, { feeds, feed, plan, start, options, clicks });
  }
}

/** Opens the files, and tells the consumers how their models learn them. */
async function open(job: Job, starts: readonly StreamStart[], outlets: Outlets): Promise<Opened> {
  const feeds = await FileFeeds.open(job, starts[0].capacity, (rooms) => rooms[outlets.next]);
  const buffer = outlets.share(feeds.rooms);
  const plans: Plan[] = [];
  for (const start of starts) plans.push(await planFiles(job, feeds.inputs, start));
  const plan = plans.reduce((first, other) => (isBefore(other.start, first.start) ? other : first));
  const held = await HeldOut.open(job, feeds, plan);
  const feed = feeds.learned(held.learned);
  for (const { fingerprints } of plans) await feed.verify(fingerprints);
  await feed.verify(plan.fingerprints);
  if (job.kind === "train") tellPlans(plans, held, outlets);
  return { feeds, feed, held, plan, start: starts[plans.indexOf(plan)], buffer };
}

function tellPlans(plans: readonly Plan[], { place }: HeldOut, outlets: Outlets): void {
  for (const [model, { inputs: _, ...plan }] of plans.entries())
    outlets.send({ type: "began", model, plan: { ...plan, pass: { ...plan.pass, held_out: place } } });
}
