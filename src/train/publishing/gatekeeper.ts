import { readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { GATE_FILE, readGateFile, writeGateFile } from "../../checkpoints/gate-file.js";
import { checkpointName, examplesOf } from "../../checkpoints/names.js";
import type { CheckpointStore } from "../../checkpoints/store.js";
import type { Batch } from "../../core/batch.js";
import type { Clock } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { nodeFiles, quietly } from "../../core/files.js";
import { Gate, type GateState, holdText } from "../../gate/gate.js";
import { scoreSums } from "../../metrics/score-cells.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import type { Decision, OrderLog } from "../ordering/order-log.js";
import type { Resumed } from "../resume.js";
import type { Trainer } from "../trainer.js";

/** How often to check for the operator's command, at most. */
const LOOK_MS = 250;
/** The file that `hashbrook publish --resume` writes into the run's directory. */
export const COMMAND = "gate.command";

type Resume = Extract<Decision, { kind: "resume" }>;

export interface GatekeeperOptions {
  readonly spec: CompiledSpec;
  readonly store: CheckpointStore;
  readonly order: OrderLog | null;
  readonly clock: Clock;
  /** Totals of earlier scores. */
  readonly totals: Float64Array;
}

/** The state of a run's gate. */
export interface GateReport {
  /** Why publication is on hold, in one line; null: it is not. */
  readonly held: string | null;
  /** Number of holds so far. */
  readonly holds: number;
  /** The signals of the last window, by name. */
  readonly signals: readonly { readonly name: string; readonly value: number }[];
}

/** A run's gate, its `gate.json`, and its operator's commands. */
export class Gatekeeper {
  private readonly options: GatekeeperOptions;
  readonly gate: Gate;
  private planned: readonly Resume[];
  private lookedMs = Number.NEGATIVE_INFINITY;
  /** Durable checkpoints outside of holds that are not known to be good yet: names, oldest first. */
  private unjudged: string[] = [];
  private good: string | null = null;
  private written = "";
  private examples = 0;

  private constructor(options: GatekeeperOptions, gate: Gate) {
    this.options = options;
    this.gate = gate;
    this.planned = options.order?.entries.filter((entry) => entry.kind === "resume") ?? [];
  }

  /** null if the spec has no gate. @param resumed null: a new run, for which earlier commands are ignored */
  static of(options: GatekeeperOptions, resumed: Resumed): Gatekeeper | null {
    const gate = Gate.of(options.spec);
    const { directory } = options.store;
    if (!gate) {
      quietly(() => rmSync(join(directory, GATE_FILE), { force: true }));
      return null;
    }
    const keeper = new Gatekeeper(options, gate);
    if (!resumed) quietly(() => rmSync(join(directory, COMMAND), { force: true }));
    else keeper.restore(resumed, directory);
    return keeper;
  }

  private restore({ meta, blocks, ref }: NonNullable<Resumed>, directory: string): void {
    this.gate.restore(meta.gate, blocks);
    this.good = readGateFile(nodeFiles, directory)?.good ?? null;
    this.gate.startAt(scoreSums(this.options.totals));
    this.unjudged = this.gate.hold ? [] : [checkpointName(ref.examples)];
  }

  /** Why publication is on hold, in one line; null: it is not. */
  get held(): string | null {
    return this.gate.hold && holdText(this.gate.hold);
  }

  /** True if the run must end because of a breach (`action: halt`). */
  get halts(): boolean {
    return this.gate.hold !== null && this.gate.action === "halt" && !this.replaying && !this.asked();
  }

  /** True while commands to a killed run are being repeated. */
  get replaying(): boolean {
    return this.planned.length > 0;
  }

  /** Drops commands to a killed run from here on. */
  decideAnew(): void {
    this.planned = [];
  }

  report(): GateReport {
    const signals = this.gate.signals.flatMap(({ name, value }) => (Number.isFinite(value) ? [{ name, value }] : []));
    return { held: this.held, holds: this.gate.state.holds, signals };
  }

  /** Counts a learned batch. */
  add(batch: Batch, rejects: number, { runMetrics, model }: Pick<Trainer, "runMetrics" | "model">): void {
    const { examples, metrics } = runMetrics;
    const slices = () => model.calibrator?.report() ?? [];
    this.gate.add(batch, rejects, { scores: scoreSums(metrics.fresh.all), slices, examples });
    this.examples = examples;
    this.judge(this.gate.state);
  }

  /**
   * A checkpoint is durable. @param gate its state when the checkpoint was taken: a run resumed during a hold is held
   * again, whatever was accepted since
   */
  committed(path: string, gate: unknown): void {
    if (!(gate as GateState | undefined)?.hold) this.unjudged.push(basename(path));
    this.judge(this.gate.state);
  }

  /** The run is over: without a hold, its last checkpoint counts as good. */
  ended(path: string): void {
    if (!this.gate.hold) this.good = basename(path);
    this.write();
  }

  /**
   * Whether publication resumes now, as it did before or by the operator's command.
   * @param next number of the next entry
   */
  resumes(examples: number, next: number): boolean {
    const [planned] = this.planned;
    if (planned) return planned.at <= examples && planned.number <= next;
    return this.gate.hold !== null && this.asked();
  }

  /** Resumes publication, after recording it. */
  resume(examples: number, next: number): void {
    const [planned, ...rest] = this.planned;
    const { hold } = this.gate;
    if (planned) this.planned = rest;
    else this.note({ kind: "resume", at: examples, hold: hold!.number, number: next });
    // If the stream took another course, the present hold is not the one that was accepted.
    if (!hold || (planned && planned.hold !== hold.number)) return;
    this.gate.resume();
    this.write();
  }

  private note(decision: Resume): void {
    const { order, store } = this.options;
    order?.append([decision]);
    order?.sync();
    quietly(() => rmSync(join(store.directory, COMMAND), { force: true }));
  }

  /** @param path the checkpoint of what was learned */
  halted(path: string): HashbrookError {
    return new HashbrookError("gate_held", `${this.held}; what was learned is saved in ${path}`, {
      hint: "hashbrook publish DIR --status shows details; --resume accepts what was learned, --rollback returns to the last good checkpoint",
    });
  }

  /** Whether the operator accepts this particular hold. */
  private asked(): boolean {
    const { clock, store } = this.options;
    const { hold } = this.gate;
    if (!hold || clock.now() - this.lookedMs < LOOK_MS) return false;
    this.lookedMs = clock.now();
    let said = "";
    quietly(() => {
      said = readFileSync(join(store.directory, COMMAND), "utf8");
    });
    const yes = said.trim() === `resume ${hold.number}`;
    if (yes) this.lookedMs = Number.NEGATIVE_INFINITY;
    return yes;
  }

  private judge({ good }: GateState): void {
    const judged = this.unjudged.filter((name) => examplesOf(name)! <= good);
    if (judged.length > 0) this.good = judged.at(-1)!;
    if (judged.length > 0) this.unjudged = this.unjudged.filter((name) => !judged.includes(name));
    this.write();
  }

  private write(): void {
    const { hold, recovered } = this.gate.state;
    const state = `${hold?.number}/${hold?.breaches.length}/${hold && recovered}/${this.good}`;
    if (state === this.written) return;
    const { store } = this.options;
    const written = hold && { ...hold, text: holdText(hold) };
    const { action } = this.gate;
    const { examples, good } = this;
    writeGateFile(store.fenced, store.directory, { action, examples, hold: written, recovered, good });
    this.written = state;
  }
}
