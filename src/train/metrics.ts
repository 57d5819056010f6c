import { Counter, Gauge, Registry } from "prom-client";
import type { Progress } from "./job.js";

/** What a trainer tells Prometheus: the progress it reports, read when Prometheus asks. */
export class TrainMetrics {
  readonly contentType: string;
  private readonly registry = new Registry();
  private progress: Progress | null = null;

  constructor() {
    this.contentType = this.registry.contentType;
    const value = (name: string, help: string, read: (progress: Progress) => number | null, Kind: Kind = Gauge) => {
      const show = () => (this.progress ? read(this.progress) : null);
      new Kind({ name: `hashbrook_train_${name}`, help, registers: [this.registry], collect: shower(show) });
    };
    value("examples_total", "Examples learned, those before a restart too", (p) => p.examples, Counter);
    value("rejected_total", "Events rejected", (p) => p.rejected, Counter);
    value("skipped_total", "Examples that changed nothing: their gradient was not finite", (p) => p.skipped, Counter);
    value("logloss", "Progressive log loss of the window at hand", (p) => p.window.logloss);
    value("auc", "Progressive AUC of the window at hand", (p) => p.window.auc);
    value("normalized_entropy", "Progressive normalized entropy of the window", (p) => p.window.normalized_entropy);
    value("calibration", "Predicted over actual clicks of the window", (p) => p.window.calibration);
    value("table_rows", "Learned rows of all tables", (p) => p.table_rows);
    value("table_bytes", "Bytes of all tables", (p) => p.table_bytes);
    value("memory_bytes", "Resident memory of the process", (p) => p.memory_bytes);
    value("ready", "1 while events can be read", (p) => Number(p.source?.ready ?? true));
    this.lag();
    this.lifecycle();
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
    const counts = () => this.progress?.lifecycle ?? null;
    const labelled = (name: string, help: string, label: string, read: () => Record<string, number>) => {
      const collect = function (this: Counter): void {
        this.reset();
        for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count);
      };
      new Counter({ name: `hashbrook_train_${name}`, help, labelNames: [label], registers: [this.registry], collect });
    };
    labelled("evicted_total", "Rows given up, by what ended them", "reason", () => ({ ...counts()?.evicted }));
    labelled(
      "ids_total",
      "Ids admitted, refused (occurrences), falsely admitted and readmitted (estimates)",
      "what",
      () => {
        const { evicted: _, ...ids } = counts() ?? { evicted: null };
        return ids;
      },
    );
  }

  private lag(): void {
    const lag = () => this.progress?.source?.lag ?? [];
    new Gauge({
      name: "hashbrook_train_lag",
      help: "Messages not yet learned, by partition",
      labelNames: ["partition"],
      registers: [this.registry],
      collect() {
        lag().forEach((messages, partition) => {
          this.set({ partition: String(partition) }, messages);
        });
      },
    });
  }
}

type Kind = typeof Gauge | typeof Counter;

function shower(show: () => number | null) {
  return function collect(this: Gauge | Counter): void {
    this.reset();
    const value = show();
    if (value !== null) this.inc(value);
  };
}
