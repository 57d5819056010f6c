import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "../src/train/metrics/report.js";
import { globo } from "./lib/globo.js";
import { round, trainOnce } from "./lib/run.js";

/** What the shipped specs learn in one pass, with every event scored before it is learned: the simulator and the Globo stream. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  return { what: "progressive quality, one pass, shipped specs", simulator: simulator(smoke), globo: onGlobo(smoke) };
}

function simulator(smoke: boolean): object {
  const rows = smoke ? 5_000 : 2_000_000;
  const data = `simulate:${rows}:7`;
  const deep = trainOnce("features/ads-demo.yaml", data);
  const lr = trainOnce("features/ads-demo-lr.yaml", data);
  const adagrad = trainOnce(withOptimizer("features/ads-demo.yaml", "ftrl", "adagrad: { learning_rate: 0.05 }"), data);
  const oracle = deep.oracle_last_tenth?.auc ?? 0;
  const reached = deep.last_tenth.auc ?? 0;
  if (!(reached > 0.5 && oracle > reached)) throw new Error(`AUC ${reached} is implausible: the oracle has ${oracle}`);
  return {
    rows,
    oracle_auc: round(oracle),
    deep_crossing: quality(deep),
    lr: quality(lr),
    deep_crossing_adagrad: quality(adagrad),
    share_of_oracle: round((reached - 0.5) / (oracle - 0.5)),
    ftrl_minus_adagrad_auc: round(reached - (adagrad.last_tenth.auc ?? 0), 5),
  };
}

function onGlobo(smoke: boolean): object {
  const data = globo(smoke ? 1_000 : 400_000);
  if (!data) return { skipped: "no Globo data" };
  const names = smoke
    ? ["globo-lr", "globo-deep-crossing"]
    : ["globo-lr", "globo-fm", "globo-deep-crossing", "globo-dcn-v2"];
  const reports = new Map(names.map((name) => [name, trainOnce(`features/${name}.yaml`, data)]));
  const deep = "globo-deep-crossing";
  const recipe = withOptimizer(`features/${deep}.yaml`, "ftrl", "adagrad: { learning_rate: 0.4 }");
  const adagrad = trainOnce(recipe, data);
  return {
    clicks: smoke ? 1_000 : 400_000,
    ...Object.fromEntries([...reports].map(([name, report]) => [name, quality(report)])),
    [`${deep}-adagrad`]: quality(adagrad),
    ftrl_minus_adagrad_auc: round((reports.get(deep)?.auc ?? 0) - (adagrad.auc ?? 0), 5),
  };
}

/** A copy of a spec whose embedding tables use another optimizer. */
export function withOptimizer(path: string, from: string, to: string): string {
  const text = readFileSync(path, "utf8");
  const changed = text.replace(/(tables:[\s\S]*?)(?=\n\w)/, (tables) =>
    tables.replaceAll(new RegExp(`${from}: \\{[^}]*\\}`, "g"), to),
  );
  const copy = join(mkdtempSync(join(tmpdir(), "hashbrook-spec-")), "spec.yaml");
  writeFileSync(copy, changed);
  if (changed === text) throw new Error(`${path}: has no ${from} table`);
  return copy;
}

function quality(report: Report): object {
  return {
    examples: report.examples,
    auc: round(report.auc),
    auc_second_half: round(report.second_half.auc),
    auc_last_tenth: round(report.last_tenth.auc),
    logloss: round(report.logloss),
    logloss_second_half: round(report.second_half.logloss),
    normalized_entropy: round(report.normalized_entropy),
    calibration: round(report.calibration),
    examples_per_second: report.examples_per_second,
    table_bytes: report.bytes_total,
  };
}
