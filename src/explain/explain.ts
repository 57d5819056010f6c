import { availableParallelism } from "node:os";
import { checkArguments, following, plain } from "../core/arguments.js";
import { Batch, type BatchLayout } from "../core/batch.js";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { Decoder } from "../decode/decoder.js";
import { ProgressiveMetrics } from "../metrics/progressive.js";
import { type LoadedModel, loadModel } from "../model/load.js";
import { type ByteSource, openSource } from "../sources/source.js";
import { withParts } from "../spec/cross-parts.js";
import { QualityByValue } from "../train/evaluation/by-value.js";
import { clicksOf } from "../train/join/clicks-given.js";
import type { Joiner } from "../train/join/joiner.js";
import { openJoiner } from "../train/join/open.js";
import { quality } from "../train/metrics/run-metrics.js";
import { bySource } from "../train/prediction/columns.js";
import { rejectHint } from "../train/rejects/hint.js";
import { type RejectedRow, rejectText } from "../train/rejects/rejects.js";
import { type DecodedBatch, START } from "../train/stream.js";
import { decodedBatches } from "../train/text-feed.js";
import { IdGroups } from "./id-groups.js";
import { ImportanceMeter } from "./importance.js";
import { asModelSees } from "./inputs.js";
import type { ExplainOptions, ExplainProgress, ExplainReport } from "./options.js";

const LIMIT = 100_000;
const REPETITIONS = 3;
const BLOCK = 1024;
const MOST_BLOCK = 65_536;
const SEED = 1;
const TOP = 20;
/** Points of the calibration plot. */
const POINTS = 20;
const PROGRESS_MS = 250;

type Asked = Required<Pick<ExplainReport, "limit" | "repetitions" | "block" | "seed">> & { readonly top: number };

/**
 * Scores events unchanged, with each field's values permuted within blocks of events, and with each field missing: the loss of
 * quality is the field's importance. Crosses are recomputed from the permuted values.
 * @throws HashbrookError usage, checkpoint_missing, source_missing, source_unreadable; all_rejected if no event could be read
 */
export async function explain(options: ExplainOptions): Promise<ExplainReport> {
  checkArguments("explain", options, {
    checkpoint: "path",
    data: "files",
    clicks: "?files",
    conversions: "?files",
    by: "?text",
    threads: "?count",
    ...following,
  });
  const asked = checked(options);
  const data = typeof options.data === "string" ? [options.data] : options.data;
  const source = openSource(data);
  const threads = options.threads ?? availableParallelism();
  const loaded = await loadModel(options.checkpoint, { capacity: asked.block, threads });
  let joiner: Joiner | null = null;
  try {
    const clicks = clicksOf(loaded.spec, options);
    const explanation = new Explanation(loaded, asked, { by: options.by, unlabelled: clicks !== null });
    const job = { spec: loaded.spec, out: null, deadLetters: null, clicks };
    if (clicks) joiner = await openJoiner(job, explanation.layout, { state: null, fresh: true, replay: [] });
    await explanation.read(source, joiner, options.onProgress ?? (() => {}));
    return explanation.report(data);
  } finally {
    await joiner?.close();
    await source.close();
    await loaded.model.close();
  }
}

function checked(options: ExplainOptions): Asked {
  const { limit = LIMIT, repetitions = REPETITIONS, block = BLOCK, seed = SEED, top = TOP } = options;
  const whole = (name: string, value: number, least: number, most: number) => {
    if (Number.isSafeInteger(value) && value >= least && value <= most) return;
    throw new HashbrookError("usage", `${name} ${plain(value)}: must be a whole number of ${least} to ${most}`);
  };
  whole("limit", limit, 1, Number.MAX_SAFE_INTEGER);
  whole("repetitions", repetitions, 1, 1000);
  whole("block", block, 2, MOST_BLOCK);
  whole("seed", seed, 0, 0xffffffff);
  whole("top", top, 1, 1000);
  return { limit, repetitions, block, seed, top };
}

class Explanation {
  private readonly loaded: LoadedModel;
  private readonly asked: Asked;
  private readonly decoder: Decoder;
  private readonly metrics: ProgressiveMetrics;
  private readonly importance: ImportanceMeter;
  private readonly ids: IdGroups;
  private readonly byValue: QualityByValue | null;
  private readonly work: ArrayBuffer;
  private events = 0;
  private rejected = 0;
  /** The first malformed event. */
  private first: RejectedRow | undefined;

  constructor(
    loaded: LoadedModel,
    asked: Asked,
    { by, unlabelled }: { readonly by?: string; readonly unlabelled: boolean },
  ) {
    const { spec, model } = loaded;
    const kept = by === undefined ? undefined : bySource(spec, by);
    const calibrates = model.calibrator !== null;
    this.loaded = loaded;
    this.asked = asked;
    const options = { capacity: asked.block, distinct: false, watch: false, kept };
    this.decoder = new Decoder(withParts(spec), { ...options, unlabelled });
    this.metrics = new ProgressiveMetrics({ window: spec.window });
    this.importance = new ImportanceMeter(model, this.decoder.layout, asked);
    this.ids = new IdGroups(spec, model.tables, calibrates);
    this.byValue = by === undefined ? null : new QualityByValue({ field: by, top: asked.top }, calibrates);
    this.work = new ArrayBuffer(this.decoder.layout.bytes);
  }

  get layout(): BatchLayout {
    return this.decoder.layout;
  }

  async read(
    source: ByteSource,
    joiner: Joiner | null,
    onProgress: (progress: ExplainProgress) => void,
  ): Promise<void> {
    const { limit } = this.asked;
    const begun = systemClock.now();
    let told = begun;
    const buffer = () => this.work;
    for await (const decoded of decodedBatches(source, this.decoder, { start: START, epochs: 1, limit, buffer })) {
      await this.add(joiner ? await joiner.join(decoded, 0) : decoded);
      const now = systemClock.now();
      if (now - told < PROGRESS_MS) continue;
      told = now;
      const read = source.totalBytes ? decoded.bytesRead / source.totalBytes : null;
      const done = Math.max(read ?? 0, this.events / limit);
      onProgress({ events: this.events, done: Math.min(1, done), seconds: (now - begun) / 1000 });
    }
    if (this.events === 0) throw this.nothing();
  }

  private async add({ rows, buffer, base, rejects, kept }: DecodedBatch): Promise<void> {
    this.rejected += rejects.length;
    this.first ??= rejects[0];
    if (rows === 0) return;
    const { model, spec } = this.loaded;
    const batch = new Batch(this.decoder.layout, rows, buffer, base);
    const logits = (await model.predict(asModelSees(batch, spec))).slice();
    const calibrated = model.calibrator?.apply(logits, batch);
    this.metrics.add(logits, batch.labels, batch.weights);
    this.ids.add(batch, logits, calibrated ?? logits);
    if (kept) this.byValue?.add(logits, calibrated, batch, kept);
    await this.importance.add(batch, logits);
    this.events += rows;
  }

  private nothing(): HashbrookError {
    const { first, rejected } = this;
    const seen = first
      ? `all ${rejected} events were rejected, the first: ${rejectText(first)}`
      : "the data contain no events";
    return new HashbrookError("all_rejected", `explain: ${seen}`, {
      hint:
        (first && rejectHint(this.loaded.spec, first)) ?? "hashbrook check --model SPEC --data FILE shows what is read",
    });
  }

  report(data: readonly string[]): ExplainReport {
    const { spec, specHash, examples, path, skipped } = this.loaded;
    const { top: _, ...asked } = this.asked;
    return {
      checkpoint: path,
      model: spec.name,
      tower: spec.tower.kind,
      spec_hash: specHash,
      examples,
      data,
      rejected: this.rejected,
      ...asked,
      quality: quality(this.metrics.lifetime()),
      importance: this.importance.result(),
      ids: this.ids.result(),
      reliability: this.metrics.reliability(POINTS),
      ...(this.byValue ? { by: this.byValue.report() } : {}),
      passed_over: skipped,
    };
  }
}
