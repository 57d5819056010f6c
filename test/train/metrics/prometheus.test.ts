import { expect, it } from "vitest";
import { Freshness } from "../../../src/delta-log/times.js";
import { TrainMetrics } from "../../../src/train/metrics/prometheus.js";
import type { Progress } from "../../../src/train/metrics/report.js";
import { noProgress } from "./no-progress.js";

const quality = { examples: 10, logloss: 0.5, auc: null, auc_error: null, normalized_entropy: 1, calibration: 1 };
const progress: Progress = {
  ...noProgress,
  examples: 10,
  examples_this_run: 10,
  rejected: 1,
  duplicates: 2,
  truncated_letters: 3,
  tombstones: 2,
  clipped: { numbers: 5, times: 6, batches: 7 },
  unsaved: 4,
  seconds: 1,
  lifetime: quality,
  window: quality,
  table_rows: 3,
  table_bytes: 300,
  memory_bytes: 1000,
  freshness: { p50: 0.25, p99: 1.5 },
  source: { ready: false, reason: "no answer", lag: [7, 0] },
};

it("a trainer exports counts, lag, freshness and readiness, and omits what has no value", async () => {
  const metrics = new TrainMetrics();
  expect([metrics.ready, metrics.reason]).toEqual([false, "starting"]);
  metrics.show(progress);
  metrics.show(progress);
  expect([metrics.ready, metrics.reason]).toEqual([false, "no answer"]);
  const lines = (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  expect(lines).toEqual(
    expect.arrayContaining([
      "hashbrook_train_examples_total 10",
      "hashbrook_train_rejected_total 1",
      "hashbrook_train_duplicates_total 2",
      "hashbrook_train_truncated_letters_total 3",
      "hashbrook_train_tombstones_total 2",
      "hashbrook_train_unsaved 4",
      "hashbrook_train_ready 0",
      "hashbrook_train_join_stalled 0",
      'hashbrook_train_clipped_total{what="numbers"} 5',
      'hashbrook_train_clipped_total{what="times"} 6',
      'hashbrook_train_clipped_total{what="batches"} 7',
      'hashbrook_train_lag{partition="0"} 7',
      'hashbrook_train_lag{partition="1"} 0',
      'hashbrook_train_freshness_quantile_seconds{quantile="0.5"} 0.25',
      'hashbrook_train_freshness_quantile_seconds{quantile="0.99"} 1.5',
    ]),
  );
  expect(lines.join("\n")).not.toMatch(/^hashbrook_train_auc|^hashbrook_train_calibrated_logloss/m);
  metrics.show({ ...progress, source: { ready: true, reason: null, lag: [3] }, freshness: null });
  const text = await metrics.text();
  expect(text).toMatch(/^hashbrook_train_lag\{partition="0"\} 3$/m);
  expect(text).not.toMatch(/partition="1"|_seconds\{/);
});

it("freshness quantiles are those of the latest ages", () => {
  let now = 0;
  const freshness = new Freshness(() => now);
  expect(freshness.percentiles()).toBe(null);
  now = 1000;
  freshness.add([1000, 900, 0]);
  expect(freshness.percentiles()).toEqual({ p50: 0.1, p99: 1 });
  freshness.add(Array(5000).fill(750));
  expect(freshness.percentiles()).toEqual({ p50: 0.25, p99: 0.25 });
});

it("predicted over actual is exported by slice, that of all events without a name", async () => {
  const metrics = new TrainMetrics();
  const slices = [
    { slice: null, events: 9, actual: 2, positives: 2, raw: 1.5, calibrated: 1.25 },
    { slice: 'a "phone"', events: 1, actual: 0, positives: 0, raw: null, calibrated: null },
    { slice: "tv", events: 1, actual: 1, positives: 1, raw: 0.5, calibrated: 0.75 },
  ];
  metrics.show({ ...progress, slices, left_out: 7 });
  const text = await metrics.text();
  const ratios = text.match(/^hashbrook_train_predicted_over_actual\{.*$/gm);
  expect(ratios).toEqual([
    'hashbrook_train_predicted_over_actual{slice="",probability="raw"} 1.5',
    'hashbrook_train_predicted_over_actual{slice="",probability="calibrated"} 1.25',
    'hashbrook_train_predicted_over_actual{slice="tv",probability="raw"} 0.5',
    'hashbrook_train_predicted_over_actual{slice="tv",probability="calibrated"} 0.75',
  ]);
  expect(text).toContain("hashbrook_train_left_out_total 7");
});

it("figures of seen and of validation events have separate names, and are absent if there are none", async () => {
  const metrics = new TrainMetrics();
  metrics.show(progress);
  expect(await metrics.text()).not.toMatch(/^hashbrook_train_(seen|validation)_\w+ /m);
  const validation = { ...quality, auc: 0.6, epoch: 2, learned: 10, rejected: 0 };
  metrics.show({ ...progress, seen: { ...quality, auc: 0.9 }, validation });
  const text = await metrics.text();
  for (const line of [
    "seen_auc 0.9",
    "seen_logloss 0.5",
    "validation_auc 0.6",
    "validation_logloss 0.5",
    "logloss 0.5",
  ])
    expect(text).toMatch(new RegExp(`^hashbrook_train_${line}$`, "m"));
});

it("a join that waits for clicks is distinguished from unreachable brokers", async () => {
  const metrics = new TrainMetrics();
  const reason = "join_stalled: no click newer than 2026-11-29T04:00:00Z has arrived";
  metrics.show({ ...progress, source: { ready: false, reason, lag: [7] } });
  expect(await metrics.text()).toContain("hashbrook_train_join_stalled 1");
  expect(metrics.reason).toBe(reason);
});
