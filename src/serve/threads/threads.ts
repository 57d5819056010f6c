import { SHARE_ENV, Worker } from "node:worker_threads";
import { Calibrator, type SliceReport } from "../../calibration/calibrator.js";
import { builtFile } from "../../core/built-file.js";
import type { HashbrookError } from "../../core/errors.js";
import { threadFlags } from "../../core/node-flags.js";
import type { CalibrationState, ServingState } from "../../delta-log/state.js";
import type { Dims } from "../../spec/cut.js";
import { specHash } from "../../spec/hash.js";
import type { ServingPrecision } from "../../tables/table.js";
import type { Found, Question } from "../embeddings/ask.js";
import { notReady } from "../embeddings/steady.js";
import type { TableFacts } from "../live/fill.js";
import { together, type UnseenIds } from "../live/unseen.js";
import type { ModelCalls, ScoringCalls, SharedModel } from "../models/model-calls.js";
import { SharedValue } from "../models/shared-value.js";
import { ended, type Lane } from "./dispatcher.js";
import { Gate } from "./gate.js";
import type { Current, Host, HostedCheckpoint, HostedModel } from "./host.js";
import { NearModels } from "./near-models.js";
import { packAsks, unpackOutcomes } from "./packing.js";
import { ThreadCalls } from "./thread-calls.js";
import { TurnCount } from "./turn-count.js";

/** A thread that dies this often without having scored anything is not restarted. */
const MOST_STARTS = 3;

/** A scoring thread, which is replaced if it dies. */
class ScoringThread {
  private readonly reader: number;
  private readonly models: ReadonlyMap<number, SharedModel>;
  private calls: ThreadCalls<ScoringCalls>;
  private turns = new TurnCount();
  private ready: Promise<unknown> = Promise.resolve();
  private starts = 0;
  private closed = false;
  /** It has died, and its successor has no models yet. */
  starting = false;
  /** Resolves when it has died and is not restarted. */
  readonly lost: Promise<HashbrookError>;

  constructor(reader: number, models: ReadonlyMap<number, SharedModel>) {
    this.reader = reader;
    this.models = models;
    this.calls = this.start();
    this.lost = this.restarted();
  }

  /** Runs a model on the requests of host number `host`; null: there is no model. */
  async turn(host: number, model: number | null, ...[asked, dropped, told]: Parameters<Lane["turn"]>) {
    await this.ready;
    const packed = packAsks(asked);
    const sent = { host, model, asked: packed, dropped };
    const { calls } = this;
    try {
      const answer = await this.call("turn", sent, [packed.bytes.buffer], (part) => told(unpackOutcomes(part)));
      this.starts = 0;
      return unpackOutcomes(answer);
    } catch (error) {
      throw calls.alive ? error : ended((error as Error).message, error);
    }
  }

  /** It has died, and is not restarted. */
  get gone(): boolean {
    return !this.calls.alive && this.starts >= MOST_STARTS;
  }

  async attach(model: SharedModel): Promise<void> {
    if (this.gone) return;
    await this.call("attach", { model, reader: this.reader });
  }

  /** A thread that has ended has released everything. */
  async detach(id: number): Promise<void> {
    await this.call("detach", { id }).catch(() => undefined);
  }

  /** Empty if the thread has ended. */
  async unseen(id: number): Promise<readonly UnseenIds[]> {
    return this.call("unseen", { id }).catch(() => []);
  }

  /** Calls the thread, which notices it during a turn. */
  private call: ThreadCalls<ScoringCalls>["call"] = (...asked) => {
    this.turns.give();
    return this.calls.call(...asked);
  };

  async close(): Promise<void> {
    this.closed = true;
    await this.calls.close();
  }

  private start(): ThreadCalls<ScoringCalls> {
    this.starts++;
    this.turns = new TurnCount();
    const file = builtFile("serve/threads/scoring-worker.js");
    const worker = new Worker(file, { env: SHARE_ENV, execArgv: threadFlags(), workerData: this.turns.memory });
    return new ThreadCalls<ScoringCalls>(worker, "a scoring thread");
  }

  /** Replaces it when it dies, as often as that helps. @returns its last death */
  private async restarted(): Promise<HashbrookError> {
    for (;;) {
      const death = await this.calls.ended;
      const models = [...this.models.values()];
      for (const { gate } of models) new Gate(gate).forget(this.reader);
      if (this.closed || this.starts >= MOST_STARTS) return death;
      this.calls = this.start();
      this.starting = true;
      const attached = Promise.allSettled(models.map((model) => this.attach(model)));
      this.ready = attached.then(() => {
        this.starting = false;
      });
    }
  }
}

/** Threads that score with any number of models, and one that holds the models for all of them. */
export class ScoringThreads {
  private readonly threads: readonly ScoringThread[];
  private readonly holder: ThreadCalls<ModelCalls>;
  private readonly near: NearModels;
  /** Resolves when the models, or all scoring threads, are lost: nothing can be scored any more. */
  readonly lost: Promise<HashbrookError>;
  private readonly models = new Map<number, SharedModel>();
  private nextModel = 0;
  private nextHost = 0;

  /**
   * @param count number of scoring threads
   * @param nearMs longest run of a few rows (ms) for which the calling thread scores a few requests itself
   */
  constructor(count: number, nearMs?: number) {
    const holder = new Worker(builtFile("serve/models/model-worker.js"), { env: SHARE_ENV, execArgv: threadFlags() });
    this.holder = new ThreadCalls(holder, "the model thread");
    this.threads = this.started(count);
    this.near = new NearModels(count, () => this.holder.alive, nearMs);
    const scoring = Promise.all(this.threads.map(({ lost }) => lost)).then((deaths) => deaths[0]);
    this.lost = Promise.race([this.holder.ended, scoring]);
  }

  /** @throws what the system refuses; the threads that it has started are ended then */
  private started(count: number): ScoringThread[] {
    const threads: ScoringThread[] = [];
    try {
      while (threads.length < count) threads.push(new ScoringThread(threads.length, this.models));
      return threads;
    } catch (error) {
      for (const thread of [...threads, this.holder]) void thread.close();
      throw error;
    }
  }

  /**
   * A host for one scorer's requests. Closing it keeps the threads. @param precision of the rows' weights, f32 by default
   * @param dims prefixes that nested vectors of checkpoints are cut to
   */
  host(precision?: ServingPrecision, dims?: Dims): Host {
    const host = this.nextHost++;
    let current: () => Current | null = () => null;
    const model = () => (current()?.model as ThreadModel | undefined)?.shared.id ?? null;
    const { holder } = this;
    const lanes = this.threads.map((thread): Lane => {
      return {
        turn: (...asked) => thread.turn(host, model(), ...asked),
        get gone() {
          return thread.gone || !holder.alive;
        },
        get starting() {
          return thread.starting;
        },
      };
    });
    return {
      lanes,
      near: this.near.lane(model),
      answer: (now) => {
        current = now;
      },
      open: (spec, run, bytes = 0) => this.open({ spec, run, bytes }, precision),
      load: (path, before) => this.load(path, { precision, dims }, before as ThreadModel | undefined),
      ask: (question) => this.ask(model(), question),
      facts: () => this.facts(model()),
      // The thread that holds the models ensures that none is read while it changes.
      between: async (step) => step(),
      close: async () => {},
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.holder.close(), ...this.threads.map((thread) => thread.close())]);
  }

  /** Queries a model's tables in the thread that holds them, where no scores have to wait. */
  private async ask(id: number | null, question: Question): Promise<Found> {
    if (id === null) throw notReady();
    return this.holder.call("ask", { id, question });
  }

  private async facts(id: number | null): Promise<TableFacts> {
    if (id === null) throw notReady();
    const [tables, ...unseen] = await Promise.all([
      this.holder.call("fill", { id }),
      ...this.threads.map((thread) => thread.unseen(id)),
    ]);
    return { tables, unseen: together([...unseen, this.near.unseen(id)]) };
  }

  /** Applies the parts of an update, which become visible together. */
  async apply(id: number, states: readonly ServingState[], examples: number): Promise<void> {
    await this.holder.call("apply", { id, states, examples });
  }

  async drop(id: number): Promise<void> {
    this.models.delete(id);
    for (const thread of this.threads) await thread.detach(id);
    await this.near.detach(id);
    if (this.holder.alive) await this.holder.call("close", { id });
  }

  private async open(
    snapshot: { readonly spec: unknown; readonly run: string; readonly bytes: number },
    precision: ServingPrecision | undefined,
  ): Promise<ThreadModel> {
    return this.take(await this.holder.call("open", { ...this.opening(precision), ...snapshot }));
  }

  private async load(
    path: string,
    { precision, dims }: { precision: ServingPrecision | undefined; dims: Dims | undefined },
    before: ThreadModel | undefined,
  ): Promise<HostedCheckpoint> {
    const sent = { ...this.opening(precision), path, dims, before: before?.shared.id };
    const { model, ...loaded } = await this.holder.call("load", sent);
    return { ...loaded, model: before?.shared.id === model.id ? before : await this.take(model) };
  }

  private opening(precision: ServingPrecision | undefined) {
    return { id: this.nextModel++, readers: this.threads.length + 1, precision };
  }

  private async take(shared: SharedModel): Promise<ThreadModel> {
    this.models.set(shared.id, shared);
    try {
      await Promise.all([...this.threads, this.near].map((thread) => thread.attach(shared)));
    } catch (error) {
      // A watched run is loaded again later: this copy must not stay.
      await this.drop(shared.id);
      throw error;
    }
    return new ThreadModel(this, shared);
  }
}

/** A model that one thread holds and others score with. */
class ThreadModel implements HostedModel {
  readonly shared: SharedModel;
  readonly specHash: string;
  private readonly threads: ScoringThreads;
  private told: readonly SliceReport[] = [];

  constructor(threads: ScoringThreads, shared: SharedModel) {
    this.threads = threads;
    this.shared = shared;
    this.specHash = specHash(shared.spec);
  }

  get spec() {
    return this.shared.spec;
  }

  get slices(): readonly SliceReport[] {
    const { spec, gate, calibration } = this.shared;
    const state = new Gate(gate).peek(() => new SharedValue<CalibrationState>(calibration).read());
    const calibrator = state && Calibrator.of(spec);
    if (calibrator) {
      calibrator.use(state);
      this.told = calibrator.report();
    }
    return this.told;
  }

  apply(states: readonly ServingState[], examples: number): Promise<void> {
    return this.threads.apply(this.shared.id, states, examples);
  }

  close(): Promise<void> {
    return this.threads.drop(this.shared.id);
  }
}
