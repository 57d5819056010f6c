import { join } from "node:path";
import { writeFileAtomically } from "../core/atomic-file.js";
import { HashbrookError } from "../core/errors.js";
import { nodeFiles } from "../core/files.js";
import { memoryLimit } from "../core/memory.js";
import { Rng } from "../core/rng.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { SpecDocument } from "../spec/document.js";
import { specHash } from "../spec/hash.js";
import { compileDocument, parseSpec } from "../spec/parse.js";
import {
  type Candidate,
  candidatesFor,
  fileName,
  type Sizing,
  settingsAsCandidates,
  strategiesNamed,
} from "./candidates.js";
import { DecodedEvents } from "./events.js";
import { mostBytes } from "./fit.js";
import { LEDGER_VERSION, Ledger } from "./ledger.js";
import type { RefusedSetting, TuneOptions } from "./options.js";
import type { Profile } from "./profile/profile.js";
import { readProfile } from "./profile/read.js";
import { budgetBytes, checkQuestion, fingerprintsOf, labelledOnly, type Question, specText } from "./question.js";
import { LEAST_RATE_EVENTS, RATE_SHARE, rateSettings, underFactors, withTowerMap } from "./rates.js";
import { type Schedule, schedule } from "./schedule.js";
import { dimensionsOf, gridOf, randomSettings } from "./search.js";
import { fullDocument, referenceDocument, tunedTables } from "./tables.js";

const CANDIDATES = 24;
const SEED = 42;
/** However little memory there is. */
const LEAST_CANDIDATES = 2;

/** A candidate as stored in the plan. */
export interface PlannedCandidate {
  readonly name: string;
  /** File of its spec, in the directory. */
  readonly spec: string;
  readonly spec_hash: string;
  /** null: may grow without limit. */
  readonly bytes: number | null;
}

/** What will be compared. */
export interface Plan {
  /** Bytes; null: none was given. */
  readonly budget: number | null;
  readonly reference: PlannedCandidate;
  readonly candidates: readonly PlannedCandidate[];
  readonly schedule: Schedule;
}

/** The models of a plan. */
export interface Made {
  readonly reference: Candidate;
  readonly candidates: readonly Candidate[];
  readonly budget: number | null;
}

/** One question, its ledger and its directory. */
export class Session {
  readonly out: string;
  readonly question: Question;
  readonly ledger: Ledger;
  /** The events to learn from. */
  readonly events: DecodedEvents;
  /** The spec with full tables, which grow. */
  readonly full: CompiledSpec;
  private readonly options: TuneOptions;
  /** The candidates of `--set`, if they were made when the directory was opened. */
  private readonly asked: readonly Candidate[] | null;

  private constructor(
    options: TuneOptions,
    out: string,
    question: Question,
    { ledger, asked }: { readonly ledger: Ledger; readonly asked: readonly Candidate[] | null },
  ) {
    this.options = options;
    this.asked = asked;
    this.out = out;
    this.question = question;
    this.ledger = ledger;
    this.full = compileDocument(fullDocument(this.document), options.model);
    this.events = new DecodedEvents(this.full, question.data, out);
  }

  /** Opens a directory. @throws HashbrookError usage, spec_invalid, ledger_mismatch, ledger_damaged, source_missing */
  static async open(options: TuneOptions, versions: { readonly hashbrook: string }): Promise<Session> {
    const question = await questionOf(options);
    const spec = parseSpec(question.spec, options.model);
    if (spec.join) throw labelledOnly(spec);
    const out = options.out ?? join("runs", `tune-${spec.name}`);
    const ledger = new Ledger(out);
    checkQuestion(ledger, question);
    const asked = checkAsked(question, ledger, options);
    if (ledger.rows.length === 0)
      ledger.append({
        kind: "question",
        version: LEDGER_VERSION,
        hashbrook: versions.hashbrook,
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
        seed: question.seed,
        question,
      });
    return new Session(options, out, question, { ledger, asked });
  }

  /** The spec's source, compiled as written. */
  get document(): SpecDocument {
    return new SpecDocument(this.question.spec);
  }

  /** The stream's profile; read once. */
  async profile(): Promise<Profile> {
    const [row] = this.ledger.of("profile");
    if (row) return row.profile as Profile;
    const { signal, onProgress } = this.options;
    const { full } = this;
    const profile = await readProfile(full, {
      data: this.events.for([full]),
      limit: this.question.limit ?? undefined,
      signal,
      onProgress: (progress) => onProgress?.({ stage: "profile", ...progress }),
    });
    this.ledger.append({ kind: "profile", profile });
    return profile;
  }

  /** What will be compared; decided once. @param events that may be used: with a time limit, a part of them */
  plan(profile: Profile, events: number, made = this.make(profile)): Plan {
    const [row] = this.ledger.of("plan");
    if (row) return row.plan as Plan;
    const { reference, candidates, budget } = made;
    const plan: Plan = {
      budget,
      reference: this.keep(0, reference),
      candidates: candidates.map((candidate, i) => this.keep(i + 1, candidate)),
      schedule: this.schedule(made, events),
    };
    this.ledger.append({ kind: "plan", plan });
    return plan;
  }

  /** When these models are compared, if they learn so many events. @throws HashbrookError metric_undefined */
  schedule({ reference, candidates }: Omit<Made, "budget">, events: number): Schedule {
    const batch = Math.max(...[reference, ...candidates].map(({ spec }) => spec.batch));
    return schedule(candidates.length, events, batch, !this.question.exhaustive);
  }

  /** Events that may be used, without a time limit. */
  eventsOf({ events }: Profile): number {
    return this.question.rates
      ? Math.min(events, Math.max(LEAST_RATE_EVENTS, Math.floor(events * RATE_SHARE)))
      : events;
  }

  /** The candidates and the reference. @throws HashbrookError budget_too_small, usage, spec_invalid */
  make(profile: Profile): Made {
    const { question, document } = this;
    const sizing = this.sizing(profile);
    const budget = question.budget === null ? null : sizing.budget;
    if (question.rates || question.set.length > 0) {
      const all = question.rates
        ? rateCandidates(document, sizing.spec)
        : (this.asked ?? searched(question, this.options));
      const candidates = all.filter((one) => budget === null || one.bytes <= budget);
      if (candidates.length === 0)
        throw new HashbrookError("budget_too_small", "no combination of --set fits the budget", {
          hint: "set `budget` for tables in the spec, or leave --budget out",
        });
      return { reference: candidateOf("as-written", document), candidates, budget };
    }
    const reference = candidateOf("reference", referenceDocument(sizing.full, sizing.tables));
    return { reference, candidates: candidatesFor({ ...sizing, most: this.most(sizing) }), budget };
  }

  /** What candidates are made from, also for another budget. */
  sizing(profile: Profile, budget?: number): Sizing {
    const { question, document } = this;
    const full = fullDocument(document);
    const spec = compileDocument(full, this.options.model);
    const tables = tunedTables(full, spec, profile);
    const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
    const { candidates, strategies, seed } = question;
    return {
      document,
      full,
      spec,
      tables,
      seed,
      budget: budget ?? (question.budget === null ? bytes : budgetBytes(question.budget, bytes)),
      strategies: strategies ?? undefined,
      most: candidates,
    };
  }

  /**
   * All candidates learn at the same time, so there are no more than fit into half of the memory (of the machine, or of its
   * container) beside the full tables.
   */
  private most({ tables, budget, most }: Sizing): number {
    const full = tables.reduce((sum, { bytes }) => sum + bytes, 0);
    return Math.max(LEAST_CANDIDATES, Math.min(most, Math.floor((memoryLimit() / 2 - full) / budget)));
  }

  /** Writes a candidate's spec. */
  keep(number: number, { name, document, spec, bytes }: Candidate): PlannedCandidate {
    const file = join("specs", fileName(number, name));
    nodeFiles.mkdir(join(this.out, "specs"));
    writeFileAtomically(nodeFiles, join(this.out, file), Buffer.from(document.text()));
    return { name, spec: file, spec_hash: specHash(spec), bytes: Number.isFinite(bytes) ? bytes : null };
  }
}

/**
 * Refuses before the events are read what would be refused afterwards.
 * @returns the candidates of `--set`; null: there are none, or a plan names them already
 * @throws HashbrookError usage, spec_invalid
 */
function checkAsked(question: Question, ledger: Ledger, options: TuneOptions): readonly Candidate[] | null {
  strategiesNamed(question.strategies ?? undefined);
  return question.set.length > 0 && ledger.of("plan").length === 0 ? searched(question, options) : null;
}

function searched({ spec, set, random, seed }: Question, { onProgress }: TuneOptions): Candidate[] {
  const document = new SpecDocument(spec);
  const dimensions = dimensionsOf(set, document);
  const settings = random === null ? gridOf(dimensions) : randomSettings(dimensions, random, new Rng(seed));
  const onRefused = (refused: RefusedSetting) => onProgress?.({ stage: "refused", ...refused });
  return settingsAsCandidates(document, dimensions, settings, onRefused);
}

function candidateOf(name: string, document: SpecDocument): Candidate {
  const spec = compileDocument(document, name);
  return { name, document, spec, bytes: mostBytes(spec) };
}

function rateCandidates(document: SpecDocument, spec: CompiledSpec): Candidate[] {
  const { rates, factors } = rateSettings(spec);
  const base = withTowerMap(document);
  return factors.flatMap((factor) => {
    const { dimensions, setting, name } = underFactors(rates, factor);
    return settingsAsCandidates(base, dimensions, [setting]).map((one) => ({ ...one, name }));
  });
}

async function questionOf(options: TuneOptions): Promise<Question> {
  const { model, budget, set = [], rates = false, random, limit, strategies } = options;
  const data = typeof options.data === "string" ? [options.data] : options.data;
  if (budget === undefined && set.length === 0 && !rates)
    throw new HashbrookError("usage", "nothing to tune: no --budget, --set or --rates", {
      hint: "add --budget 200MB (or 10%), --set PATH=VALUES, or --rates",
    });
  if (random !== undefined && set.length === 0)
    throw new HashbrookError("usage", "--random: requires --set", { hint: "add --set PATH=VALUES" });
  return {
    model,
    spec: specText(model),
    data,
    fingerprints: await fingerprintsOf(data),
    budget: budget === undefined ? null : String(budget),
    limit: limit ?? null,
    set: [...set],
    random: random ?? null,
    rates,
    strategies: strategies ? [...strategies] : null,
    candidates: options.candidates ?? CANDIDATES,
    metric: options.metric ?? (rates ? "logloss" : "auc"),
    exhaustive: options.exhaustive ?? false,
    seed: options.seed ?? SEED,
  };
}
