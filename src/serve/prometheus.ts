import { Counter, Gauge, Histogram, Registry, Summary } from "prom-client";
import type { Scorer } from "./scorer.js";

/** Seconds; an answer should take milliseconds. */
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const FRESHNESS_BUCKETS = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300];

/** What a scorer tells Prometheus. One per process or server: it keeps a registry of its own. */
export class ServeMetrics {
  /** Of `text`, for the answer's header. */
  readonly contentType: string;
  /** Something else in the process that tells metrics: a trainer. */
  beside: {
    /** Its metrics, in Prometheus' text format. */
    text(): Promise<string>;
  } | null = null;
  private readonly registry = new Registry();
  private readonly requests: Counter<"status">;
  private readonly candidates: Counter;
  private readonly latency: Histogram;
  private readonly freshness: Histogram;
  private readonly freshnessSummary: Summary;

  constructor() {
    const registers = [this.registry];
    this.contentType = this.registry.contentType;
    this.requests = new Counter({
      name: "hashbrook_score_requests_total",
      help: "Score requests by HTTP status",
      labelNames: ["status"],
      registers,
    });
    this.candidates = new Counter({
      name: "hashbrook_score_candidates_total",
      help: "Candidates scored",
      registers,
    });
    this.latency = new Histogram({
      name: "hashbrook_score_seconds",
      help: "Time from a score request's arrival to its answer",
      buckets: LATENCY_BUCKETS,
      registers,
    });
    this.freshness = new Histogram({
      name: "hashbrook_freshness_seconds",
      help: "Time from an event to its visibility in a score, of a sample of the events",
      buckets: FRESHNESS_BUCKETS,
      registers,
    });
    this.freshnessSummary = new Summary({
      name: "hashbrook_freshness_quantile_seconds",
      help: "Percentiles of the freshness of the last minute",
      percentiles: [0.5, 0.99],
      maxAgeSeconds: 60,
      ageBuckets: 6,
      registers,
    });
  }

  /** One answered score request. */
  answered(status: number, candidates: number, seconds: number): void {
    this.requests.inc({ status: String(status) });
    this.candidates.inc(candidates);
    this.latency.observe(seconds);
  }

  /** Ages in seconds of events that became visible. */
  visible(ages: readonly number[]): void {
    for (const age of ages) {
      this.freshness.observe(age);
      this.freshnessSummary.observe(age);
    }
  }

  /** Adds the state of a scorer, read when Prometheus asks. */
  watch(scorer: Scorer): void {
    const { replica } = scorer.health();
    this.gauge("hashbrook_ready", "1 while the scorer answers with a fresh enough model", () =>
      Number(scorer.health().ready),
    );
    this.gauge(
      "hashbrook_model_version",
      "Examples the answering model had learned",
      () => scorer.version?.version ?? 0,
    );
    const passedOver = "Damaged checkpoints passed over on the way to the one that answers";
    this.gauge("hashbrook_passed_over_checkpoints", passedOver, () => scorer.health().passedOver.length);
    if (!replica) return;
    const status = () => scorer.health().replica!;
    this.gauge("hashbrook_replica_entry", "Number of the delta log's last applied entry", () => status().number ?? -1);
    this.gauge("hashbrook_replica_epoch", "Generation of the writer that is followed", () => status().epoch ?? -1);
    const stale = "Time since the newest applied entry was sent";
    this.gauge("hashbrook_replica_staleness_seconds", stale, () => status().staleness ?? Number.NaN);
    const age = "Time since the newest visible event";
    this.gauge("hashbrook_replica_event_age_seconds", age, () => status().eventAge ?? Number.NaN);
    for (const [name, help] of Object.entries(counted)) {
      this.gauge(`hashbrook_replica_${name}_total`, help, () => status()[name as keyof typeof counted], Counter);
    }
  }

  /** The Prometheus text, with that of `beside`. */
  async text(): Promise<string> {
    const own = await this.registry.metrics();
    return this.beside ? `${own}\n${await this.beside.text()}` : own;
  }

  /** A number that is read when it is asked for. */
  private gauge(name: string, help: string, read: () => number, Kind: typeof Gauge | typeof Counter = Gauge): void {
    const registers = [this.registry];
    new Kind({
      name,
      help,
      registers,
      collect(this: Gauge | Counter) {
        this.reset();
        this.inc(read());
      },
    });
  }
}

const counted = {
  applied: "Entries applied, each once",
  duplicates: "Entries that came again",
  ignored: "Entries of earlier writers or other models",
  gaps: "Gaps seen in the log's numbers",
  conflicts: "Entries that contradicted what was applied",
  damaged: "Messages and parts that are no entry or have a wrong byte: passed over",
  resyncs: "Times the log was read again from a snapshot",
} as const;
