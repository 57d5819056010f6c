import { availableParallelism } from "node:os";
import { HashbrookError } from "../core/errors.js";
import type { TableVectors } from "../warm-start/start-vectors.js";

/** How a stream is read and learned: plain data that reaches all threads of a run as it is given here, or by default. */
export interface StreamSettings {
  /** Stop after this many events, counted from the start of the data, also after `resume`. Default: null, all. */
  readonly limit: number | null;
  /** Threads of the dense runtime. Default: all cores. The result is the same for any number. */
  readonly threads: number;
  /** Stop with too_many_rejects once more rows than this were rejected. Default: null, never (predict: 0). */
  readonly maxRejects: number | null;
}

/** What else a run that learns is told. */
export interface TrainSettings extends StreamSettings {
  /** Milliseconds that an event of a quiet topic waits for others before its batch is learned. Default 50. */
  readonly lingerMs: number;
  /** Go on from the directory's newest checkpoint: in the files it was cut short in, or over new ones. Default false: a directory that holds a model is an error. */
  readonly resume: boolean;
  /**
   * A run's or checkpoint's directory that a new run's tables and tower start from, by their names, as far as they mean the same; a run that
   * goes on has started. Default: null, from nothing.
   */
  readonly initFrom: string | null;
  /** Tables of a new run whose ids start from vectors that were learned elsewhere (`item2vec`). Default: null, none. */
  readonly initTables: readonly TableVectors[] | null;
  /** What does not learn: `tower`, `tables.<name>`. Default: null: what the run that is gone on with was told, else all learns; `none`: all does. */
  readonly freeze: readonly string[] | null;
  /** Passes over the data. Default 1. */
  readonly epochs: number;
  /** Share of the data, its last part by bytes (by time, where data are in its order), that is scored after every epoch and never learned: 0.2 is the last fifth. Default: null, none. */
  readonly validateLast: number | null;
  /** Stop after so many epochs without a better validation logloss, and leave the best epoch's weights. Default: null, never. */
  readonly earlyStop: number | null;
  /** With `resume`: learn files again that this run has learned before. Default false: only what is new in `data` is learned. */
  readonly again: boolean;
  /**
   * End with `diverged` once more than this share of the newest 10,000 to 20,000 examples changed nothing, since their gradients were
   * not finite; judged from 1,000 examples of this run on. Default 0.1; 1 = never.
   */
  readonly maxSkipped: number;
  /** Seconds between checkpoints. Default 60; 0 = only at the end. */
  readonly checkpointSeconds: number;
  /** Also checkpoint every so many examples. Default: null, by time alone. */
  readonly checkpointEvery: number | null;
  /** Checkpoints to keep. Default 3. */
  readonly keep: number;
}

/** Some of the settings: a flag that was not given is undefined. */
export type Given<Settings> = { readonly [Name in keyof Settings]?: Settings[Name] | undefined };

/** What holds where nothing else is said. */
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

/** Settings that are whole numbers, and the least they may be. */
const least: Given<Record<keyof TrainSettings, number>> = {
  limit: 0,
  threads: 1,
  maxRejects: 0,
  epochs: 1,
  earlyStop: 1,
};

/** All settings: those given, and the defaults of the others. @throws HashbrookError usage */
export function settingsOf(given: Given<TrainSettings>): TrainSettings {
  const names = Object.keys(defaultSettings) as (keyof TrainSettings)[];
  for (const name of names) atLeast(name, given[name], least[name]);
  return Object.fromEntries(
    names.map((name) => [name, given[name] ?? defaultSettings[name]]),
  ) as unknown as TrainSettings;
}

function atLeast(name: string, value: unknown, bound: number | undefined): void {
  if (bound === undefined || value === undefined || value === null) return;
  if (Number.isSafeInteger(value) && (value as number) >= bound) return;
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new HashbrookError("usage", `${flag} ${value}: must be a whole number of at least ${bound}`);
}
