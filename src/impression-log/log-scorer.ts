import type { Skipped } from "../checkpoints/store.js";
import { Decoder } from "../decode/decoder.js";
import type { RejectCode } from "../decode/reject.js";
import { CAPACITY, type Predicted, type ScoringModel } from "../serve/scoring-model.js";
import { LocalHost } from "../serve/threads/local-host.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { Dims } from "../spec/cut.js";
import type { ServingPrecision } from "../tables/table.js";
import type { LogLine } from "./log-lines.js";

/** How a checkpoint scores. */
export interface ScoreAs {
  /** Precision of rows' weights. Default: as trained. */
  readonly precision?: ServingPrecision | undefined;
  /** Prefixes that nested vectors are cut to. Default: whole vectors. */
  readonly dims?: Dims | undefined;
}

/** The result for a line: its scores, or why it is not an event. */
export type Rescored =
  | {
      readonly probability: number;
      readonly calibrated: number | undefined;
      /** The hash of the event's id; undefined if its spec names none. */
      readonly id: bigint | undefined;
      /** NaN if it has none. */
      readonly label: number;
    }
  | { readonly code: RejectCode; readonly column: string };

const NONE: Predicted = { scores: new Float32Array(), calibrated: undefined };

/** Scores lines of a log with a checkpoint, decoding them as a trainer does. */
export class LogScorer {
  readonly examples: number;
  /** Damaged checkpoints that were skipped. */
  readonly skipped: readonly Skipped[];
  private readonly scoring: ScoringModel;
  private readonly decoder: Decoder;

  private constructor(scoring: ScoringModel, examples: number, skipped: readonly Skipped[]) {
    this.scoring = scoring;
    this.examples = examples;
    this.skipped = skipped;
    this.decoder = new Decoder(scoring.spec, {
      capacity: CAPACITY,
      format: "json",
      requireLabel: false,
      everyType: true,
    });
  }

  /** @param path a run's directory (its newest checkpoint) or one checkpoint @throws HashbrookError checkpoint_… */
  static async open(path: string, { precision, dims }: ScoreAs = {}): Promise<LogScorer> {
    const { model, examples, skipped } = await new LocalHost({ precision, dims }).load(path);
    return new LogScorer(model as ScoringModel, examples, skipped);
  }

  get spec(): CompiledSpec {
    return this.scoring.spec;
  }

  get specHash(): string {
    return this.scoring.specHash;
  }

  /** The result of each line, in order. */
  async score(lines: readonly LogLine[]): Promise<Rescored[]> {
    const found: Rescored[] = [];
    for (let from = 0; from < lines.length; from += CAPACITY)
      found.push(...(await this.scoreSome(lines.slice(from, from + CAPACITY))));
    return found;
  }

  close(): Promise<void> {
    return this.scoring.close();
  }

  private async scoreSome(lines: readonly LogLine[]): Promise<Rescored[]> {
    const failed = new Map<number, Rescored>();
    lines.forEach(({ bytes }, i) => {
      this.decoder.message(bytes, 0, bytes.length, i);
      for (const { code, column } of this.decoder.takeRejects()) failed.set(i, { code, column });
    });
    const { batch } = this.decoder.take();
    const { scores, calibrated } = batch.rows > 0 ? await this.scoring.predictBatch(batch) : NONE;
    const ids = this.spec.label.id === null ? undefined : batch.ids;
    let row = 0;
    return lines.map((_, i) => {
      const failure = failed.get(i);
      if (failure) return failure;
      const at = row++;
      return { probability: scores[at], calibrated: calibrated?.[at], id: ids?.[at], label: batch.labels[at] };
    });
  }
}
