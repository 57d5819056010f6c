import { expect, it } from "vitest";
import { InProcessSource } from "../../src/delta-log/in-process-log.js";
import { ServeMetrics } from "../../src/serve/metrics/prometheus.js";
import { Models } from "../../src/serve/models/models.js";
import { Scorer } from "../../src/serve/scorer.js";
import { TrainMetrics } from "../../src/train/metrics/prometheus.js";
import { text, yaml } from "./files.js";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
}

const rules = yaml<{ groups: { rules: Rule[] }[] }>("deploy/alerts.yml")[0].groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(text("deploy/grafana/dashboard.json")) as { uid: string; panels: Panel[] };
const panels = dashboard.panels.filter(({ type }) => type !== "row");

/** The names of all metrics of trainers and scorers, including the parts of histograms and summaries. */
async function exposed(): Promise<Set<string>> {
  const { port1, port2 } = new MessageChannel();
  const scorer = Scorer.follow(new InProcessSource(port1 as never));
  const serve = new ServeMetrics();
  serve.watch(Models.of(scorer));
  serve.watchCertificate({ expires: 0 });
  serve.watchLog({ counts: { written: 0, dropped: { queue: 0, write: 0, too_long: 0 }, waiting: 0 } });
  const exported = `${await serve.text()}\n${await new TrainMetrics().text()}`;
  await scorer.close();
  port2.close();
  return new Set(
    [...exported.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name, kind]) =>
      kind === "histogram" ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
}

const namesIn = (expr: string): string[] => expr.match(/\bhashbrook_\w+/g) ?? [];

it("alerts and dashboard use exported metrics", async () => {
  const known = await exposed();
  expect(known.size).toBeGreaterThan(30);
  const asked = [...rules, ...panels.flatMap(({ targets }) => targets ?? [])].flatMap(({ expr }) => namesIn(expr));
  expect(new Set(asked).size).toBeGreaterThan(25);
  expect(asked.filter((name) => !known.has(name))).toEqual([]);
});

it("the documents name exported metrics", async () => {
  const known = [...(await exposed())];
  const documents = [
    "README.md",
    "SECURITY.md",
    ...["OPERATIONS", "SERVING", "SCALING"].map((name) => `docs/${name}.md`),
  ];
  const named = documents.flatMap((file) => namesIn(text(file)));
  expect(new Set(named).size).toBeGreaterThan(35);
  // Of servers with a cache of rows only.
  const optional = ["hashbrook_row_cache_rows_total"];
  const isKnown = (name: string) =>
    known.some((metric) => (name.endsWith("_") ? metric.startsWith(name) : metric === name));
  expect(named.filter((name) => !isKnown(name) && !optional.includes(name))).toEqual([]);
});

it("every alert has a unique name, a severity, and a text that describes the problem", () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const { alert, labels, annotations } of rules) {
    expect(alert).toMatch(/^Hashbrook[A-Z]\w+$/);
    expect(["page", "ticket"]).toContain(labels.severity);
    expect(annotations.summary.length).toBeGreaterThan(10);
  }
});

it("every metric that docs/OPERATIONS.md says to page on has an alert", () => {
  const alerted = new Set(rules.flatMap(({ expr }) => namesIn(expr)));
  for (const name of [
    "hashbrook_train_ready",
    "hashbrook_ready",
    "hashbrook_train_lag",
    "hashbrook_train_unsaved",
    "hashbrook_train_join_stalled",
    "hashbrook_impressions_dropped_total",
  ]) {
    expect(text("docs/OPERATIONS.md")).toContain(`\`${name}`);
    expect(alerted).toContain(name);
  }
});

it("the dashboard's panels have unique ids, a source, and do not overlap", () => {
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  const [{ datasources }] = yaml<{ datasources: { uid: string; url: string }[] }>("deploy/grafana/datasource.yaml");
  for (const { title, targets } of panels) {
    expect(targets, title).not.toEqual([]);
    expect(new Set(targets?.map(({ datasource }) => datasource.uid))).toEqual(new Set([datasources[0].uid]));
  }
  const taken = new Map<string, string>();
  for (const { title, gridPos } of dashboard.panels)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(taken.get(`${x},${y}`), title).toBeUndefined();
        taken.set(`${x},${y}`, title);
      }
});

it("Prometheus and Grafana mount the files at their expected paths", () => {
  const [{ services }] = yaml<{ services: Record<string, { volumes: string[] }> }>("deploy/compose.yaml");
  const mounts = Object.fromEntries(
    [...services.prometheus.volumes, ...services.grafana.volumes].map((volume) => volume.split(":").slice(0, 2)),
  );
  const [{ rule_files }] = yaml<{ rule_files: string[] }>("deploy/prometheus.yml");
  expect(mounts["./alerts.yml"]).toBe(`/etc/prometheus/${rule_files[0]}`);
  const [{ providers }] = yaml<{ providers: { options: { path: string } }[] }>("deploy/grafana/provider.yaml");
  expect(mounts["./grafana/dashboard.json"].startsWith(`${providers[0].options.path}/`)).toBe(true);
  for (const file of Object.keys(mounts)) expect(text(`deploy/${file}`).length).toBeGreaterThan(0);
});
