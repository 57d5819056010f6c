import { availableParallelism } from "node:os";
import { checkArguments, plain } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { kebab } from "../core/texts.js";
import type { TableVectors } from "../warm-start/start-vectors.js";

/** How a stream is read and learned: plain data that reaches all threads of a run, as given or by default. */
export interface StreamSettings {
  /** Stop after this many events, counted from the start of the data, also after `resume`. Default: null, all. */
  readonly limit: number | null;
  /** Threads of the dense runtime. Default: all cores. The result is the same for any number. */
  readonly threads: number;
  /** Stop with too_many_rejects once more rows than this were rejected. Default: null, never (predict: 0). */
  readonly maxRejects: number | null;
}

/** Further settings of a training run. */
export interface TrainSettings extends StreamSettings {
  /** Milliseconds that an event of a quiet topic waits for others before its batch is learned. Default 50. */
  readonly lingerMs: number;
  /**
   * Continue from the directory's newest checkpoint: an interrupted list of files, or new ones. Default false: a
   * directory that holds a model is an error.
   */
  readonly resume: boolean;
  /**
   * The directory of a run or checkpoint from which a new run's tables and tower start, matched by name, as far as they
   * mean the same; ignored by a resumed run. Default: null, start from nothing.
   */
  readonly initFrom: string | null;
  /** Tables of a new run whose ids start from pretrained vectors (`item2vec`). Default: null, none. */
  readonly initTables: readonly TableVectors[] | null;
  /**
   * The parts that do not learn: `tower`, `tables.<name>`; `none`: all learn. Default: null: as in the run that is
   * resumed, else all learn.
   */
  readonly freeze: readonly string[] | null;
  /** Passes over the data. Default 1. */
  readonly epochs: number;
  /**
   * Share of the data, its last part by bytes (by time, if data are in time order), that is scored after every epoch
   * and never learned: 0.2 is the last fifth. Default: null, none.
   */
  readonly validateLast: number | null;
  /**
   * Stop after this many epochs without a better validation logloss, and keep the best epoch's weights. Default: null,
   * never.
   */
  readonly earlyStop: number | null;
  /**
   * With `resume`: learn files again that this run has learned before. Default false: only what is new in `data` is
   * learned.
   */
  readonly again: boolean;
  /**
   * End with `diverged` once more than this share of the newest 10,000 to 20,000 examples changed nothing, because
   * their gradients were not finite; checked from 1,000 examples of this run on. Default 0.1; 1 = never.
   */
  readonly maxSkipped: number;
  /** Seconds between checkpoints. Default 60; 0 = only at the end. */
  readonly checkpointSeconds: number;
  /** Number of examples between additional checkpoints. Default: null, by time only. */
  readonly checkpointEvery: number | null;
  /** Checkpoints to keep. Default 3. */
  readonly keep: number;
}

/** Partial settings: undefined for a flag that was not given. */
export type Given<Settings> = { readonly [Name in keyof Settings]?: Settings[Name] | undefined };

/** The defaults. */
export const defaultSettings: TrainSettings = {
  limit: null,
  threads: availableParallelism(),
  maxRejects: null,
  lingerMs: 50,
  resume: false,
  initFrom: null,
  initTables: null,
  freeze: null,
  epochs: 1,
  validateLast: null,
  earlyStop: null,
  again: false,
  maxSkipped: 0.1,
  checkpointSeconds: 60,
  checkpointEvery: null,
  keep: 3,
};

/** Integer settings, with their minimum values. */
const least: Given<Record<keyof TrainSettings, number>> = {
  limit: 0,
  threads: 1,
  maxRejects: 0,
  epochs: 1,
  earlyStop: 1,
  checkpointEvery: 1,
  keep: 1,
};

/** The kinds of the other settings. */
const kinds = {
  lingerMs: "?duration",
  resume: "?boolean",
  initFrom: "?path",
  initTables: "?vectors",
  freeze: "?texts",
  validateLast: "?number",
  again: "?boolean",
  maxSkipped: "?share",
  checkpointSeconds: "?duration",
} as const satisfies Given<Record<keyof TrainSettings, string>>;

/**
 * Complete settings: those given, and defaults for the others.
 * @param called the function that they were given to
 * @throws HashbrookError usage
 */
export function settingsOf(given: Given<TrainSettings>, called: string): TrainSettings {
  const names = Object.keys(defaultSettings) as (keyof TrainSettings)[];
  checkArguments(called, Object.fromEntries(names.map((name) => [name, given[name] ?? undefined])), kinds);
  for (const name of names) atLeast(name, given[name], least[name]);
  return Object.fromEntries(
    names.map((name) => [name, given[name] ?? defaultSettings[name]]),
  ) as unknown as TrainSettings;
}

function atLeast(name: string, value: unknown, bound: number | undefined): void {
  if (bound === undefined || value === undefined || value === null) return;
  if (Number.isSafeInteger(value) && (value as number) >= bound) return;
  const flag = kebab(name);
  throw new HashbrookError("usage", `${flag} ${plain(value)}: must be a whole number of at least ${bound}`);
}
