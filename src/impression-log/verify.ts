import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import type { Dims } from "../spec/cut.js";
import { type Impression, readImpression } from "./impression.js";
import { type LogLine, linesOf, placeOf, unfinishedOf } from "./log-lines.js";
import { LogScorer, type Rescored, type ScoreAs } from "./log-scorer.js";

/** What to verify, and with what. */
export interface VerifyOptions extends ScoreAs {
  /** Directories that servers logged into, files, patterns, and topics: `kafka://HOST:PORT/TOPIC`. */
  readonly log: readonly string[];
  /** A run's directory (its newest checkpoint) or one checkpoint. */
  readonly checkpoint: string;
  /** Ends it early: what was verified so far is reported. */
  readonly signal?: AbortSignal | undefined;
}

/** Logged candidates that were scored by another version, or served with other options. */
export interface OtherVersion {
  /** `name` of the spec. */
  readonly model: string;
  /** Examples learned. */
  readonly version: number;
  /** Hash of the compiled spec. */
  readonly spec_hash: string;
  /** If the server was given one. */
  readonly precision?: string;
  /** If the server was given some. */
  readonly dims?: Readonly<Record<string, number>>;
  /** Number of candidates. */
  readonly events: number;
}

/** The first disagreement between a log and a checkpoint. */
export interface ScoreDifference {
  /** File of the log; for a topic `TOPIC[PARTITION]`. */
  readonly file: string;
  /** From 1; for a topic the offset. */
  readonly line: number;
  /** The request's id. */
  readonly request: string;
  /** The candidate's position in it. */
  readonly position: number;
  /** What differs; `event`: the line cannot be read as an event. */
  readonly what: "probability" | "calibrated" | "event";
  /** The logged value. */
  readonly logged: number | null;
  /** The checkpoint's value. */
  readonly scored: number | null;
  /** Why the line is not an event: a code and the column. */
  readonly reject?: string;
}

/** The result of a verification. */
export interface VerifyReport {
  /** `name` of the checkpoint's spec. */
  readonly model: string;
  /** Examples it had learned. */
  readonly version: number;
  /** Hash of its spec. */
  readonly spec_hash: string;
  /** Candidates whose scores equal the log's bit for bit. */
  readonly verified: number;
  /** Not verified: scored by other versions. */
  readonly others: readonly OtherVersion[];
  /** The first difference, after which nothing was verified; null: there is none. */
  readonly difference: ScoreDifference | null;
  /** What ended it: the end of the log, the first difference, or the signal. */
  readonly ended_by: "end" | "difference" | "stopped";
  /** Incomplete files of the log's directories, which were not read: a server is writing them, or was killed. */
  readonly unfinished: readonly string[];
  /** Damaged checkpoints that were skipped. */
  readonly passed_over: readonly { readonly path: string; readonly reason: string }[];
  /** Duration. */
  readonly seconds: number;
}

/**
 * Scores the candidates of a log again with the checkpoint that scored them, and compares bit for bit, up to the first
 * difference.
 * @throws HashbrookError nothing_verified if the log has none of that version; source_missing, source_unreadable; kafka_…;
 * checkpoint_…
 */
export async function verifyLog(options: VerifyOptions): Promise<VerifyReport> {
  const started = systemClock.now();
  const scorer = await LogScorer.open(options.checkpoint, options);
  try {
    const verifier = new Verifier(scorer, options);
    const unfinished = unfinishedOf(options.log);
    const ended_by = await verifier.read(options);
    return { ...verifier.report(ended_by), unfinished, seconds: (systemClock.now() - started) / 1000 };
  } finally {
    await scorer.close();
  }
}

class Verifier {
  private readonly scorer: LogScorer;
  private readonly as: ScoreAs;
  private readonly others = new Map<string, OtherVersion>();
  private verified = 0;
  private difference: ScoreDifference | null = null;

  constructor(scorer: LogScorer, as: ScoreAs) {
    this.scorer = scorer;
    this.as = as;
  }

  /** @returns what ended it */
  async read({ log, signal }: VerifyOptions): Promise<VerifyReport["ended_by"]> {
    for await (const lines of linesOf(log)) {
      if (signal?.aborted) return "stopped";
      if (!(await this.takes(lines))) return "difference";
    }
    return "end";
  }

  /** @returns false at the first difference */
  private async takes(lines: readonly LogLine[]): Promise<boolean> {
    const own = lines.flatMap((line) => {
      const impression = readImpression(line.bytes, placeOf(line));
      return this.isOwn(impression) ? [{ line, impression }] : [];
    });
    const scored = await this.scorer.score(own.map(({ line }) => line));
    for (const [i, { line, impression }] of own.entries()) {
      this.difference = differenceOf(line, impression, scored[i]);
      if (this.difference) return false;
      this.verified++;
    }
    return true;
  }

  report(ended_by: VerifyReport["ended_by"]): Omit<VerifyReport, "unfinished" | "seconds"> {
    const { scorer, verified, difference } = this;
    const others = [...this.others.values()];
    if (verified === 0 && ended_by === "end") throw nothing(scorer, others);
    const model = { model: scorer.spec.name, version: scorer.examples, spec_hash: scorer.specHash };
    const passed_over = scorer.skipped.map(({ path, reason }) => ({ path, reason }));
    return { ...model, verified, others, difference, ended_by, passed_over };
  }

  private isOwn({ model, version, spec_hash, precision, dims }: Impression): boolean {
    const { scorer, as } = this;
    const same = version === scorer.examples && spec_hash === scorer.specHash;
    if (same && precision === as.precision && textOf(dims) === textOf(as.dims)) return true;
    const key = JSON.stringify([model, version, spec_hash, precision, textOf(dims)]);
    const events = (this.others.get(key)?.events ?? 0) + 1;
    this.others.set(key, { model, version, spec_hash, ...(precision && { precision }), ...(dims && { dims }), events });
    return false;
  }
}

/** Independent of the order in which they were given. */
const textOf = (dims: Dims = {}) => JSON.stringify(Object.entries(dims).sort());

function differenceOf({ file, line }: LogLine, impression: Impression, scored: Rescored): ScoreDifference | null {
  const { request, position } = impression;
  const place = { file, line, request, position };
  if ("code" in scored) {
    const reject = scored.column ? `${scored.code} (${scored.column})` : scored.code;
    return { ...place, what: "event", logged: impression.probability, scored: null, reject };
  }
  for (const what of ["probability", "calibrated"] as const)
    if (!Object.is(impression[what], scored[what]))
      return { ...place, what, logged: impression[what] ?? null, scored: scored[what] ?? null };
  return null;
}

function nothing({ spec, examples }: LogScorer, others: readonly OtherVersion[]): HashbrookError {
  const here = others.map(({ model, version, events }) => `${model} ${version} (${events})`).join(", ");
  const hint = here
    ? `the log contains versions ${here}: name the checkpoint of one, with the --precision and --dims of its server`
    : "the log is empty";
  return new HashbrookError("nothing_verified", `no candidate of the log was scored by ${spec.name} ${examples}`, {
    hint,
  });
}
