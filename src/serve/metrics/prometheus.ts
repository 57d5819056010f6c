import { Counter, Gauge, Histogram, Registry, Summary } from "prom-client";
import { systemClock } from "../../core/clock.js";
import type { ReplicaStatus } from "../../delta-log/replica.js";
import type { RowCacheCounts } from "../../row-store/row-cache.js";
import type { LogCounts } from "../impressions.js";
import { TrafficWindow } from "../live/window.js";
import type { Models } from "../models/models.js";
import type { Health } from "../scorer.js";

/** Seconds; an answer should take milliseconds. */
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const FRESHNESS_BUCKETS = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300];

/** A scorer's Prometheus metrics. One per process or server, with its own registry. */
export class ServeMetrics {
  private readonly registry = new Registry();
  /** The content type of `text`. */
  readonly contentType: string = this.registry.contentType;
  /** Another source of metrics in the process, such as a trainer. */
  beside: {
    /** Its metrics, in Prometheus' text format. */
    text(): Promise<string>;
  } | null = null;
  /** The last ten minutes' requests, for the dashboard. @internal */
  readonly traffic = new TrafficWindow(systemClock);
  private readonly registers = [this.registry];
  private readonly requests = new Counter<"status">({
    name: "hashbrook_score_requests_total",
    help: "Score requests by HTTP status",
    labelNames: ["status"],
    registers: this.registers,
  });
  private readonly candidates = new Counter({
    name: "hashbrook_score_candidates_total",
    help: "Candidates scored",
    registers: this.registers,
  });
  private readonly latency = new Histogram({
    name: "hashbrook_score_seconds",
    help: "Time from a score request's arrival to its response",
    buckets: LATENCY_BUCKETS,
    registers: this.registers,
  });
  private readonly freshness = new Histogram({
    name: "hashbrook_freshness_seconds",
    help: "Time from an event until scores reflect it, for a sample of the events",
    buckets: FRESHNESS_BUCKETS,
    registers: this.registers,
  });
  private readonly freshnessSummary = new Summary({
    name: "hashbrook_freshness_quantile_seconds",
    help: "Quantiles of freshness over the last minute",
    percentiles: [0.5, 0.99],
    maxAgeSeconds: 60,
    ageBuckets: 6,
    registers: this.registers,
  });
  private readonly refusals = new Counter<"reason">({
    name: "hashbrook_refused_requests_total",
    help: "Score requests that were not scored, by error code",
    labelNames: ["reason"],
    registers: this.registers,
  });
  private readonly shadowDifference = new Summary<"model">({
    name: "hashbrook_shadow_difference",
    help: "Mean absolute difference between a shadow's probabilities and those answered, per request",
    labelNames: ["model"],
    percentiles: [0.5, 0.99],
    registers: this.registers,
  });
  private readonly shadowFailures = new Counter<"model">({
    name: "hashbrook_shadow_failures_total",
    help: "Requests that a shadow could not score; clients were answered nevertheless",
    labelNames: ["model"],
    registers: this.registers,
  });

  /** Counts an answered score request. */
  answered(status: number, candidates: number, seconds: number): void {
    this.requests.inc({ status: String(status) });
    this.candidates.inc(candidates);
    this.latency.observe(seconds);
    this.traffic.answered(status, 1000 * seconds, candidates);
  }

  /** Records the ages, in seconds, of events that became visible. */
  visible(ages: readonly number[]): void {
    for (const age of ages) {
      this.freshness.observe(age);
      this.freshnessSummary.observe(age);
    }
  }

  /** Counts a request that was refused, or cancelled before it was scored. @param reason the code of its answer */
  refused(reason: string): void {
    this.refusals.inc({ reason });
  }

  /** Records a shadow's answer. @param difference mean absolute difference to the probabilities answered */
  shadowed(model: string, difference: number): void {
    this.shadowDifference.observe({ model }, difference);
  }

  /** Counts a request that a shadow could not score. */
  shadowFailed(model: string): void {
    this.shadowFailures.inc({ model });
  }

  /** Adds the counts of the log of impressions. @internal */
  watchLog(log: { readonly counts: LogCounts }): void {
    const registers = [this.registry];
    new Counter({
      name: "hashbrook_impressions_logged_total",
      help: "Candidates written to the impression log",
      registers,
      collect() {
        this.reset();
        this.inc(log.counts.written);
      },
    });
    new Counter({
      name: "hashbrook_impressions_dropped_total",
      help: "Candidates of sampled requests missing from the impression log, by reason: queue full, write failed, too long",
      labelNames: ["reason"],
      registers,
      collect() {
        this.reset();
        for (const [reason, count] of Object.entries(log.counts.dropped)) this.inc({ reason }, count);
      },
    });
    new Gauge({
      name: "hashbrook_impressions_waiting_bytes",
      help: "Bytes of requests waiting to be written to the impression log",
      registers,
      collect() {
        this.set(log.counts.waiting);
      },
    });
  }

  /** Adds when the certificate of --tls-cert expires. @internal */
  watchCertificate(certificate: { readonly expires: number }): void {
    new Gauge({
      name: "hashbrook_certificate_expiration_timestamp_seconds",
      help: "When the certificate of --tls-cert expires, in seconds since 1970",
      registers: [this.registry],
      collect() {
        this.set(certificate.expires / 1000);
      },
    });
  }

  /** Adds the counts of the shared row cache. @internal */
  watchRowCache(cache: { readonly counts: RowCacheCounts }): void {
    new Counter({
      name: "hashbrook_row_cache_rows_total",
      help: "Rows looked up in --row-cache: hit, or miss and read from disk; error counts failed requests and damaged rows",
      labelNames: ["result"],
      registers: [this.registry],
      collect() {
        this.reset();
        const { hits, misses, errors } = cache.counts;
        for (const [result, count] of Object.entries({ hit: hits, miss: misses, error: errors }))
          this.inc({ result }, count);
      },
    });
  }

  /** Adds the state of the models, read when Prometheus scrapes. */
  watch(models: Models): void {
    this.gauge("hashbrook_ready", "1 while the model is loaded and fresh enough", models, ({ ready }) => Number(ready));
    const learned = "Examples learned by the version that answers";
    this.gauge("hashbrook_model_version", learned, models, ({ version }) => version?.version ?? 0);
    const passedOver = "Newer checkpoints skipped because they are damaged";
    this.gauge("hashbrook_passed_over_checkpoints", passedOver, models, (health) => health.passedOver.length);
    const held = "1 while the trainer's gate holds publication and the last good version answers";
    this.gauge("hashbrook_held", held, models, (health) => Number(health.held !== null));
    this.slices(models);
    const replica = (
      name: string,
      help: string,
      read: (status: ReplicaStatus) => number | null,
      kind?: typeof Counter,
    ) =>
      this.gauge(`hashbrook_replica_${name}`, help, models, (health) => health.replica && read(health.replica), kind);
    replica("entry", "Number of the last applied entry of the delta log", ({ number }) => number ?? -1);
    replica("epoch", "Epoch of the writer that is followed", ({ epoch }) => epoch ?? -1);
    const stale = "Time since the newest applied entry was sent";
    const age = "Time since the newest visible event";
    replica("staleness_seconds", stale, ({ staleness }) => staleness ?? Number.NaN);
    replica("event_age_seconds", age, ({ eventAge }) => eventAge ?? Number.NaN);
    for (const [name, help] of Object.entries(counted)) {
      replica(`${name}_total`, help, (status) => status[name as keyof typeof counted], Counter);
    }
  }

  /**
   * Predicted over actual by slice, for raw and calibrated probabilities; the slice of all events has an empty name.
   */
  private slices(models: Models): void {
    new Gauge({
      name: "hashbrook_predicted_over_actual",
      help: "Predicted over actual clicks of recent training events, by slice of the calibration",
      registers: [this.registry],
      labelNames: ["model", "label", "slice", "probability"],
      collect() {
        this.reset();
        for (const [labels, ratio] of ratiosOf(models)) this.set(labels, ratio);
      },
    });
  }

  /** The Prometheus text, including that of `beside`. */
  async text(): Promise<string> {
    const own = await this.registry.metrics();
    return this.beside ? `${own}\n${await this.beside.text()}` : own;
  }

  /** A gauge for every labelled version, read on demand; null: it has no value. */
  private gauge(
    name: string,
    help: string,
    models: Models,
    read: (health: Health) => number | null,
    Kind: typeof Gauge<"model" | "label"> | typeof Counter<"model" | "label"> = Gauge,
  ): void {
    const registers = [this.registry];
    new Kind({
      name,
      help,
      registers,
      labelNames: ["model", "label"],
      collect(this: Gauge<"model" | "label"> | Counter<"model" | "label">) {
        this.reset();
        for (const { scorer, ...of } of labelledOf(models)) {
          const value = read(scorer.health());
          if (value !== null) this.inc(of, value);
        }
      },
    });
  }
}

const counted = {
  applied: "Entries applied",
  duplicates: "Duplicate entries ignored",
  ignored: "Entries of earlier writers or other models ignored",
  gaps: "Gaps in the numbers of entries",
  conflicts: "Entries that conflict with what was applied",
  damaged: "Damaged messages and parts skipped",
  resyncs: "Times the log was read again from a snapshot (resynchronization)",
} as const;

function* labelledOf(models: Models) {
  for (const { called, labelled } of models.all)
    for (const [label, scorer] of labelled) yield { model: called, label, scorer };
}

/** The ratios that have a value, with their labels. */
function* ratiosOf(models: Models) {
  for (const { scorer, ...of } of labelledOf(models))
    for (const { slice, ...ratios } of scorer.slices)
      for (const probability of ["raw", "calibrated"] as const)
        if (ratios[probability] !== null)
          yield [{ ...of, slice: slice ?? "", probability }, ratios[probability]] as const;
}
