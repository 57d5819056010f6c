import { Counter, Gauge, Registry } from "prom-client";
import type { Progress } from "./report.js";

/** A trainer's Prometheus metrics: its latest progress, read when Prometheus scrapes. */
export class TrainMetrics {
  readonly contentType: string;
  private readonly registry = new Registry();
  private progress: Progress | null = null;

  constructor() {
    this.contentType = this.registry.contentType;
    this.counts();
    this.quality();
    this.sizes();
    this.source();
    this.outliers();
    this.lifecycle();
    this.joins();
    this.calibration();
    this.gate();
    this.slices();
    this.epochs();
  }

  private counts(): void {
    this.value("examples_total", "Examples learned, including those before a restart", (p) => p.examples);
    this.value("rejected_total", "Events rejected", (p) => p.rejected);
    const truncated = "Dead letters truncated because their topic did not accept them whole, since the start";
    this.value("truncated_letters_total", truncated, (p) => p.truncated_letters ?? Number.NaN);
    this.value("duplicates_total", "Events skipped because their id had been seen before", (p) => p.duplicates);
    this.value("tombstones_total", "Messages without a value (tombstones)", (p) => p.tombstones);
    this.value("skipped_total", "Examples skipped because their gradient was not finite", (p) => p.skipped);
  }

  private quality(): void {
    this.value("logloss", "Progressive log loss of the current window", (p) => p.window.logloss);
    this.value("auc", "Progressive AUC of the current window", (p) => p.window.auc);
    const entropy = "Progressive normalized entropy of the current window";
    this.value("normalized_entropy", entropy, (p) => p.window.normalized_entropy);
    this.value("calibration", "Predicted over actual clicks of the current window", (p) => p.window.calibration);
  }

  private sizes(): void {
    this.value("table_rows", "Learned rows of all tables", (p) => p.table_rows);
    this.value("table_bytes", "Bytes of all tables", (p) => p.table_bytes);
    this.value("memory_bytes", "Resident memory of the process", (p) => p.memory_bytes);
    this.value("unsaved", "Examples learned since the last durable checkpoint", (p) => p.unsaved);
  }

  private source(): void {
    this.value("ready", "1 while the source can be read", (p) => Number(p.source?.ready ?? true));
    const stalled = ({ source }: Progress) => Number(source?.reason?.startsWith("join_stalled") ?? false);
    this.value("join_stalled", "1 while impressions wait for clicks and no newer click arrives", stalled);
    const lag = () => this.progress?.source?.lag.map((messages, p) => [String(p), messages] as const) ?? [];
    this.labelled("lag", "Messages not yet learned, by partition", "partition", lag);
    this.labelled("freshness_quantile_seconds", "Time from an event to its publication", "quantile", () => {
      const { p50, p99 } = this.progress?.freshness ?? {};
      if (p50 === undefined || p99 === undefined) return [];
      return Object.entries({ "0.5": p50, "0.99": p99 });
    });
  }

  private outliers(): void {
    const help = "Outliers that were clipped: numbers, event times, and batches by the norm of their gradients";
    this.labelled("clipped_total", help, "what", () => Object.entries(this.progress?.clipped ?? {}));
  }

  private joins(): void {
    this.value("left_out_total", "Negatives scored but not learned (negative sampling)", (p) => p.left_out);
    const joined = (name: string, help: string, of: (counts: NonNullable<Progress["join"]>) => number) =>
      this.value(name, help, ({ join }) => (join ? of(join) : Number.NaN));
    joined("clicks_total", "Clicks that arrived in time", ({ clicks }) => clicks);
    joined("clicks_late_total", "Clicks that arrived too late", ({ late }) => late);
    joined("clicks_repeated_total", "Repeated clicks of an impression", ({ duplicates }) => duplicates);
    joined("joined_total", "Impressions labelled positive by a click", ({ joined }) => joined);
    const converted = (name: string, help: string, of: "count" | "late") =>
      joined(name, help, ({ conversions }) => conversions?.[of] ?? Number.NaN);
    converted("conversions_total", "Conversions that arrived in time", "count");
    converted("conversions_late_total", "Conversions that arrived too late", "late");
  }

  private calibration(): void {
    const calibrated = "Progressive log loss of calibrated probabilities";
    this.value("calibrated_logloss", calibrated, (p) => p.calibrated?.logloss ?? null);
    const grouped = "Progressive AUC within groups of events, of the last complete window";
    this.value("group_auc", grouped, (p) => p.group_auc);
  }

  private gate(): void {
    const held = "1 while the gate holds publication because a signal is out of bounds";
    this.value("held", held, ({ gate }) => (gate ? Number(gate.held !== null) : null));
    this.value("holds_total", "Times the gate held publication", ({ gate }) => gate?.holds ?? Number.NaN);
    const watched = () => this.progress?.gate?.signals.map(({ name, value }) => [name, value] as const) ?? [];
    this.labelled("gate_signal", "Signals of the gate in the last window", "signal", watched);
  }

  private epochs(): void {
    for (const figure of ["auc", "logloss"] as const) {
      const seen = `${figure} of events learned in an earlier epoch: shows memorization, not quality`;
      this.value(`seen_${figure}`, seen, (p) => p.seen?.[figure] ?? null);
      const held = `${figure} of the latest pass over the validation events, which are never learned`;
      this.value(`validation_${figure}`, held, (p) => p.validation?.[figure] ?? null);
    }
  }

  /** The slice of all events has an empty name. */
  private slices(): void {
    new Gauge({
      name: "hashbrook_train_predicted_over_actual",
      help: "Recent predicted over actual clicks, by slice of the calibration",
      registers: [this.registry],
      labelNames: ["slice", "probability"],
      collect: fillSlices(() => this.progress?.slices ?? []),
    });
  }

  show(progress: Progress): void {
    this.progress = progress;
  }

  /** False before the first report, and while nothing can be read. */
  get ready(): boolean {
    return this.progress !== null && (this.progress.source?.ready ?? true);
  }

  get reason(): string | null {
    return this.progress === null ? "starting" : (this.progress.source?.reason ?? null);
  }

  /** The Prometheus text. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  private lifecycle(): void {
    const counts = () => this.progress?.lifecycle ?? { evicted: {} };
    this.labelled("evicted_total", "Rows evicted, by reason", "reason", () => Object.entries(counts().evicted));
    const help = "Ids admitted, refused admission (occurrences), falsely admitted and readmitted (estimates)";
    this.labelled("ids_total", help, "what", () => {
      const { evicted: _, ...ids } = counts();
      return Object.entries(ids);
    });
  }

  /** A counter if the name ends in _total, else a gauge. */
  private value(name: string, help: string, read: (progress: Progress) => number | null): void {
    const kind: Kind = name.endsWith("_total") ? Counter : Gauge;
    const show = () => (this.progress ? read(this.progress) : null);
    new kind({ name: `hashbrook_train_${name}`, help, registers: [this.registry], collect: shower(show) });
  }

  /** As `value`, for each value of a label. */
  private labelled(
    name: string,
    help: string,
    label: string,
    values: () => readonly (readonly [string, number])[],
  ): void {
    const kind: Kind = name.endsWith("_total") ? Counter : Gauge;
    new kind({
      name: `hashbrook_train_${name}`,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect(this: Gauge | Counter) {
        this.reset();
        for (const [of, value] of values()) this.inc({ [label]: of }, value);
      },
    });
  }
}

function fillSlices(slices: () => Progress["slices"]) {
  return function collect(this: Gauge<"slice" | "probability">): void {
    this.reset();
    for (const { slice, ...ratios } of slices())
      for (const probability of ["raw", "calibrated"] as const)
        if (ratios[probability] !== null) this.set({ slice: slice ?? "", probability }, ratios[probability]);
  };
}

type Kind = typeof Gauge | typeof Counter;

function shower(show: () => number | null) {
  return function collect(this: Gauge | Counter): void {
    this.reset();
    const value = show();
    // A metric without labels starts at 0.
    if (value === null) this.remove();
    else this.inc(value);
  };
}
