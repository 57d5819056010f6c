import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { LargeSet } from "../core/large-map.js";
import { xxh64 } from "../kernels/hash.js";
import { Explorer } from "../serve/explore/policy.js";
import type { Dims } from "../spec/cut.js";
import { eventId } from "./compose.js";
import { PolicyEstimates, type PolicyValue } from "./estimates.js";
import { type Impression, readImpression } from "./impression.js";
import { type LogLine, linesOf, placeOf, unfinishedOf } from "./log-lines.js";
import { LogScorer, type Rescored } from "./log-scorer.js";
import { type Rewards, readRewards } from "./rewards.js";

/** Which policy to evaluate, and with what. */
export interface JudgeOptions {
  /** Directories that servers logged into, files, patterns, and topics: `kafka://HOST:PORT/TOPIC`. */
  readonly log: readonly string[];
  /** Files or topics of rewards: lines with an event's id, and a reward (default 1). Default: the events' own labels. */
  readonly rewards?: readonly string[] | undefined;
  /** The policy is based on its scores: a run's directory (its newest checkpoint) or one checkpoint. */
  readonly checkpoint: string;
  /** How scores determine the order: `greedy`, `softmax:T` or `epsilon-greedy:E`. Default greedy. */
  readonly policy?: string | undefined;
  /** Cut nested vectors to prefixes: components by field or table. Default: whole vectors. */
  readonly dims?: Dims | undefined;
  /** Ends it early: what was read so far is evaluated. */
  readonly signal?: AbortSignal | undefined;
}

/** A policy's estimated value. */
export interface PolicyReport extends PolicyValue {
  /** `name` of the checkpoint's spec. */
  readonly model: string;
  /** Examples it had learned. */
  readonly version: number;
  /** Hash of its spec. */
  readonly spec_hash: string;
  /** How scores determined the order. */
  readonly policy: string;
  /** Requests evaluated, each by its first candidate. */
  readonly requests: number;
  /** Requests with candidates missing from the log: left out. */
  readonly incomplete: number;
  /** Requests with the id of an earlier one: left out, since their rewards cannot be told apart. */
  readonly repeated: number;
  /** What ended it: the end of the log, or the signal. */
  readonly ended_by: "end" | "stopped";
  /** Incomplete files of the log's directories, which were not read: a server is writing them, or was killed. */
  readonly unfinished: readonly string[];
  /** Damaged checkpoints that were skipped. */
  readonly passed_over: readonly { readonly path: string; readonly reason: string }[];
  /** Duration. */
  readonly seconds: number;
}

/** A candidate of the log. */
interface Candidate {
  readonly line: LogLine;
  readonly impression: Impression;
}

/** Requests are scored together, with about this many candidates. */
const SCORED = 4096;

/**
 * Evaluates a policy with a log of requests whose orders were randomised (`serve --explore`) and the rewards of the candidates
 * that came first: inverse propensity scoring, self-normalized, and doubly robust.
 * @throws HashbrookError propensity_missing, nothing_verified; usage; source_missing, source_unreadable; kafka_…; checkpoint_…
 */
export async function judgePolicy(options: JudgeOptions): Promise<PolicyReport> {
  const started = systemClock.now();
  const text = options.policy ?? "greedy";
  const policy = policyOf(text);
  const rewards = options.rewards ? await readRewards(options.rewards, options.signal) : null;
  const scorer = await LogScorer.open(options.checkpoint, { dims: options.dims });
  try {
    const judge = new Judge(scorer, policy, rewards);
    const unfinished = unfinishedOf(options.log);
    const ended_by = await judge.read(options);
    const passed_over = scorer.skipped.map(({ path, reason }) => ({ path, reason }));
    const { spec, examples, specHash } = scorer;
    const seconds = (systemClock.now() - started) / 1000;
    const model = { model: spec.name, version: examples, spec_hash: specHash, policy: text };
    return { ...model, ...judge.report(ended_by), ended_by, unfinished, passed_over, seconds };
  } finally {
    await scorer.close();
  }
}

function policyOf(text: string): Explorer {
  const hint = "use greedy, softmax:T with T above 0, or epsilon-greedy:E with E from 0 to 1";
  const explorer = Explorer.of(text === "greedy" ? "epsilon-greedy:0" : text, hint);
  if (explorer.prior === undefined) return explorer;
  throw new HashbrookError(
    "usage",
    `--ips ${text}: not supported: the policy must depend on a checkpoint's scores alone`,
    { hint },
  );
}

class Judge {
  private readonly scorer: LogScorer;
  private readonly policy: Explorer;
  private readonly rewards: Rewards | null;
  private readonly estimates = new PolicyEstimates();
  private request: Candidate[] = [];
  private whole: Candidate[][] = [];
  private waiting = 0;
  private incomplete = 0;
  private repeated = 0;
  /** Hashes of the ids of the requests that are evaluated. */
  private readonly seen = new LargeSet<bigint>();
  /** The last request whose first candidates are missing from the log. */
  private headless = "";

  constructor(scorer: LogScorer, policy: Explorer, rewards: Rewards | null) {
    this.scorer = scorer;
    this.policy = policy;
    this.rewards = rewards;
  }

  async read({ log, signal }: JudgeOptions): Promise<PolicyReport["ended_by"]> {
    for await (const lines of linesOf(log)) {
      if (signal?.aborted) return this.stopped();
      for (const line of lines) {
        this.take({ line, impression: readImpression(line.bytes, placeOf(line)) });
        if (this.waiting >= SCORED) await this.judge();
      }
    }
    if (this.request.length > 0) this.incomplete++;
    await this.judge();
    return "end";
  }

  private async stopped(): Promise<"stopped"> {
    await this.judge();
    return "stopped";
  }

  report(ended_by: PolicyReport["ended_by"]) {
    const { incomplete, repeated, estimates } = this;
    const { requests } = estimates;
    if (requests > 0 || ended_by === "stopped") return { ...estimates.value(), requests, incomplete, repeated };
    throw new HashbrookError("nothing_verified", "no request of the log can be evaluated", {
      hint: `${incomplete} requests lack candidates; only complete requests can be evaluated`,
    });
  }

  /** The candidates of a request are consecutive, in order. */
  private take(candidate: Candidate): void {
    const { impression } = candidate;
    const [first] = this.request;
    const goesOn = first?.impression.request === impression.request && impression.position === this.request.length;
    if (first && !goesOn) {
      this.incomplete++;
      this.request = [];
    }
    if (!goesOn && impression.position !== 0) {
      const counted = [first?.impression.request, this.headless].includes(impression.request);
      if (!counted) this.incomplete++;
      this.headless = impression.request;
      return;
    }
    this.request.push(candidate);
    if (this.request.length < impression.candidates) return;
    this.takeWhole(this.request, xxh64(impression.request));
    this.request = [];
  }

  private takeWhole(request: Candidate[], id: bigint): void {
    if (this.seen.has(id)) {
      this.repeated++;
      return;
    }
    this.seen.add(id);
    this.whole.push(request);
    this.waiting += request.length;
  }

  private async judge(): Promise<void> {
    const { whole } = this;
    this.whole = [];
    this.waiting = 0;
    const scored = await this.scorer.score(whole.flatMap((request) => request.map(({ line }) => line)));
    let at = 0;
    for (const request of whole) {
      this.add(request, scored.slice(at, at + request.length));
      at += request.length;
    }
  }

  private add(request: readonly Candidate[], rescored: readonly Rescored[]): void {
    const scored = rescored.map((each, i) => eventScored(request[i], each));
    const shown = request.findIndex(({ impression }) => impression.rank === 1);
    const drawn = propensityOf(request, shown);
    const expected = scored.map(({ probability, calibrated }) => calibrated ?? probability);
    const scores = Float32Array.from(scored, ({ probability }) => probability);
    const { propensity } = this.policy.draw("", { scores });
    this.estimates.add({
      weight: propensity[shown] / drawn,
      reward: this.rewardOf(request[shown], scored[shown]),
      expected: expected[shown],
      direct: expected.reduce((sum, each, i) => sum + each * propensity[i], 0),
    });
  }

  private rewardOf({ line, impression }: Candidate, { id, label }: Scores): number {
    const key = id || xxh64(eventId(impression.request, impression.position));
    const reward = this.rewards ? (this.rewards.get(key) ?? 0) : label;
    if (!Number.isNaN(reward)) return reward;
    throw new HashbrookError("source_unreadable", `${placeOf(line)}: has no label`, {
      hint: "add --rewards with lines that carry the events' ids",
    });
  }
}

type Scores = Extract<Rescored, { readonly probability: number }>;

function eventScored({ line }: Candidate, scored: Rescored): Scores {
  if ("probability" in scored) return scored;
  throw new HashbrookError("source_unreadable", `${placeOf(line)}: cannot be read as an event: ${scored.code}`);
}

/** The probability with which the shown candidate came first. */
function propensityOf(request: readonly Candidate[], shown: number): number {
  const { line, impression } = request[Math.max(0, shown)];
  const { propensity } = impression;
  if (shown >= 0 && propensity !== undefined && propensity > 0 && propensity <= 1) return propensity;
  const why =
    shown < 0 || propensity === undefined ? "its order was not drawn at random" : `its propensity is ${propensity}`;
  throw new HashbrookError("propensity_missing", `${placeOf(line)}: request ${impression.request}: ${why}`, {
    hint: "only requests answered with serve --explore can be evaluated: keep others out of the log",
  });
}
