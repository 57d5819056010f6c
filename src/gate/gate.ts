import type { Batch } from "../core/batch.js";
import { type Block, bytesOf, type SavedBlocks, savedNumbers } from "../core/blocks.js";
import { ln } from "../metrics/kernel.js";
import type { ScoreSums } from "../metrics/score-cells.js";
import type { CompiledSpec, GateBound, GateSpec } from "../spec/compiled.js";
import { Baselines, isOutside, LARGEST } from "./baselines.js";
import { FieldWatch } from "./field-watch.js";
import { SampleSizes } from "./sample.js";
import { ofEvents, Readings, readEvents, type Signal } from "./signals.js";

/** A signal that left its bounds. */
export interface Breach {
  /** `label_rate`, `missing(user)`, `slice_calibration(de)`. */
  readonly signal: string;
  readonly value: number;
  /** The permitted range; null: no bound on this side. */
  readonly least: number | null;
  readonly most: number | null;
}

/** Since when, and why, publication is on hold. */
export interface Hold {
  /** Number of the hold within the run, from 1. */
  readonly number: number;
  /** Examples learned when the breach was detected. */
  readonly since: number;
  /** The first breaches, and later ones. */
  readonly breaches: readonly Breach[];
}

/** A gate's state in a checkpoint's manifest: plain JSON. */
export interface GateState {
  /** null: what is learned is published. */
  readonly hold: Hold | null;
  readonly holds: number;
  /** Number of the newest hold that was lifted; 0: none. */
  readonly lifted: number;
  /** Examples at the end of the last window without a breach. */
  readonly good: number;
  /** Windows since the last one with a breach. */
  readonly recovered: number;
}

/** A slice of a calibration. */
export interface SliceRatio {
  readonly slice: string | null;
  /** In units of the slice's mean weight. */
  readonly positives: number;
  readonly calibrated: number | null;
}

/** The input of a gate beside the fields. */
export interface Seen {
  /** Sums over all events of the run that were scored before they were first learned. */
  readonly scores: ScoreSums;
  /** Examples learned so far. */
  readonly examples: number;
  readonly slices: () => readonly SliceRatio[];
}

const HEAD = 8;
/** Most breaches recorded per hold. */
const MOST_BREACHES = 20;
/** Slices with fewer positives are ignored. */
const FEW_POSITIVES = 100;
/** The open window is checked when it has this fraction (1 ÷) of its events. */
const EARLY = 2;

/**
 * Watches windows of the stream: field statistics, label rate, and the quality of predictions made before events were learned.
 * Checks after the batch that completes half of a window's events, or all, so decisions depend on the events alone: a killed
 * and resumed run decides as it did before.
 */
export class Gate {
  private readonly spec: GateSpec;
  private readonly fields: FieldWatch;
  private readonly baselines: Baselines;
  private events = 0;
  private rejects = 0;
  /** Whether the open window has been checked. */
  private looked = false;
  /** Sums at the start of the window. */
  private before: ScoreSums | null = null;
  private current: GateState = { hold: null, holds: 0, lifted: 0, good: 0, recovered: 0 };
  private readonly names: readonly Signal[];
  private readonly found: Readings;
  /** Of the open window; without weights in the spec, its sums say it all. */
  private readonly sizes = new SampleSizes();
  private readonly weighted: boolean;

  constructor(spec: CompiledSpec) {
    this.spec = spec.gate!;
    this.weighted = spec.label.weight !== null;
    this.fields = new FieldWatch(spec);
    this.names = [...ofEvents, ...this.fields.signals];
    this.found = new Readings(this.names.length);
    this.baselines = new Baselines(spec.gate!, this.names);
  }

  static of(spec: CompiledSpec): Gate | null {
    return spec.gate ? new Gate(spec) : null;
  }

  get action(): GateSpec["action"] {
    return this.spec.action;
  }

  /** For the checkpoint. */
  get state(): GateState {
    return this.current;
  }

  get hold(): Hold | null {
    return this.current.hold;
  }

  /** The latest values of all signals. */
  get signals(): readonly { readonly name: string; readonly value: number }[] {
    return this.names.map(({ name }, i) => ({ name, value: this.found.values[i] }));
  }

  /**
   * Counts a batch that was scored and learned, and checks the signals.
   * @returns whether a hold begins with it
   */
  add(batch: Batch, rejects: number, seen: Seen): boolean {
    this.before ??= NOTHING;
    this.fields.add(batch);
    if (this.weighted) this.sizes.add(batch);
    this.events += batch.rows;
    this.rejects += rejects;
    const part = (this.events + this.rejects) / this.spec.window;
    const whole = part >= 1;
    if (!whole && (this.looked || part * EARLY < 1)) return false;
    this.looked = true;
    const { events, found } = this;
    const scores = since(seen.scores, this.before);
    readEvents({ events, rejects: this.rejects, scores, sample: this.sizes.of(scores) }, found, ln);
    this.fields.read(found, ofEvents.length);
    const breaches = this.baselines.breaches(found, part);
    if (whole) breaches.push(...this.slices(seen.slices()));
    const before = this.hold;
    if (breaches.length > 0) this.breached(breaches, seen.examples);
    else if (whole) this.passed(seen.examples);
    if (whole || breaches.length > 0) this.begin(seen.scores, breaches.length === 0);
    return before === null && this.hold !== null;
  }

  /** Starts a run's first window from the sums so far. */
  startAt(scores: ScoreSums): void {
    this.before ??= scores;
  }

  /** Resumes publication. Signals that are still out of bounds are accepted as normal: they are learned anew. */
  resume(): void {
    const { hold, recovered } = this.current;
    if (!hold) return;
    if (recovered === 0) for (const { signal } of hold.breaches) this.baselines.forget(signal);
    this.current = { ...this.current, hold: null, lifted: hold.number };
  }

  blocks(): Block[] {
    const { known, current, sums, usual, hand } = this.fields;
    const { weight = 0, positive = 0, predicted = 0, loss = 0 } = this.before ?? {};
    const head = [this.events, this.rejects, weight, positive, predicted, loss, hand, Number(this.looked)];
    const f64 = (name: string, data: Float64Array) =>
      ({ name, dtype: "F64", shape: [data.length], data: bytesOf(data) }) as const;
    const u32 = (name: string, data: Uint32Array) =>
      ({ name, dtype: "U32", shape: [data.length], data: bytesOf(data) }) as const;
    return [
      f64("gate/window", Float64Array.of(...head, ...sums)),
      f64("gate/usual", usual),
      f64("gate/baselines", this.baselines.data),
      ...(this.weighted ? [f64("gate/weights", this.sizes.sums)] : []),
      u32("gate/known", known),
      u32("gate/current", current),
    ];
  }

  /** Checkpoints from before gates existed have no state. @throws HashbrookError checkpoint_damaged */
  restore(state: GateState | undefined, blocks: SavedBlocks): void {
    if (!state || !blocks.has("gate/window")) return;
    this.current = state;
    const { known, current, sums, usual } = this.fields;
    const numbers = (name: string, like: Float64Array, more = 0) =>
      savedNumbers(blocks, name, { bytes: like.byteLength + 8 * more });
    const words = (name: string, into: Uint32Array) =>
      into.set(new Uint32Array(numbersOf(blocks, name, into.byteLength)));
    const [events, rejects, weight, positive, predicted, loss, hand, looked, ...rest] = numbers(
      "gate/window",
      sums,
      HEAD,
    );
    this.events = events;
    this.rejects = rejects;
    this.looked = looked === 1;
    this.before = { weight, positive, predicted, loss };
    this.fields.hand = hand;
    sums.set(rest);
    usual.set(numbers("gate/usual", usual));
    this.baselines.data.set(numbers("gate/baselines", this.baselines.data));
    // Checkpoints of earlier versions have none.
    if (this.weighted && blocks.has("gate/weights")) this.sizes.sums.set(numbers("gate/weights", this.sizes.sums));
    words("gate/known", known);
    words("gate/current", current);
  }

  private breached(breaches: readonly Breach[], examples: number): void {
    const { hold, holds } = this.current;
    const known = hold?.breaches ?? [];
    const more = breaches.filter(({ signal }) => !known.some((one) => one.signal === signal));
    const all = [...known, ...more].slice(0, MOST_BREACHES);
    const number = hold ? holds : holds + 1;
    const held = { number, since: hold?.since ?? examples, breaches: all };
    this.current = { ...this.current, hold: held, holds: number, recovered: 0 };
  }

  private passed(examples: number): void {
    this.baselines.learn(this.found);
    const { hold, good, recovered } = this.current;
    this.current = { ...this.current, good: hold ? good : examples, recovered: recovered + 1 };
  }

  private begin(scores: ScoreSums, learn: boolean): void {
    this.before = scores;
    this.events = 0;
    this.rejects = 0;
    this.looked = false;
    this.sizes.begin();
    if (learn) this.fields.usual.set(this.baselines.usual());
    this.fields.begin(learn);
  }

  private slices(slices: readonly SliceRatio[]): Breach[] {
    const bound: GateBound | undefined = this.spec.bounds.slice_calibration;
    if (!bound) return [];
    const { least = null, most = null } = bound;
    return slices.flatMap(({ slice, positives, calibrated: value }) => {
      if (slice === null || value === null || positives < FEW_POSITIVES) return [];
      return isOutside(value, bound) ? [{ signal: `slice_calibration(${slice})`, value, least, most }] : [];
    });
  }
}

const NOTHING: ScoreSums = { weight: 0, positive: 0, predicted: 0, loss: 0 };

function since(now: ScoreSums, then: ScoreSums): ScoreSums {
  return {
    weight: now.weight - then.weight,
    positive: now.positive - then.positive,
    predicted: now.predicted - then.predicted,
    loss: now.loss - then.loss,
  };
}

function numbersOf(blocks: SavedBlocks, name: string, bytes: number): ArrayBuffer {
  return savedNumbers(blocks, name, { bytes }).buffer;
}

/** A breach in one line of text. */
export function breachText({ signal, value, least, most }: Breach): string {
  const round = (x: number) => (x === LARGEST ? "infinite" : Number(x.toPrecision(3)));
  return value < (least ?? value)
    ? `${signal} is ${round(value)}, below ${round(least!)}`
    : `${signal} is ${round(value)}, above ${round(most!)}`;
}

/** Why publication is on hold, in one line. */
export function holdText({ since, breaches }: Hold): string {
  const [first, ...more] = breaches;
  const others = more.length > 0 ? `, and ${more.length} more` : "";
  return `held since example ${since}: ${breachText(first)}${others}`;
}
