import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CompiledSpec, LanesSpec, OptimizerSpec } from "../src/spec/compiled.js";
import { loadSpec } from "../src/spec/parse.js";
import { train } from "../src/train/run.js";
import { globo } from "./lib/globo.js";
import { round } from "./lib/run.js";

const LANES = 4;
/** Events of an update, and what all learning rates are multiplied by. */
const SIZES: readonly (readonly [events: number, rates: readonly number[]])[] = [
  [512, [1]],
  [2048, [1, 2]],
  [8192, [1, 4]],
];

/** What updates of more events cost in quality, and weights that are a round older. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const clicks = globo(smoke ? 1_000 : 20_000);
  const streams = [
    ...(clicks ? [{ name: "globo", spec: loadSpec("features/globo-deep-crossing.yaml"), data: clicks }] : []),
    {
      name: "ads-demo",
      spec: loadSpec("features/ads-demo.yaml"),
      data: smoke ? "simulate:2000:7" : "simulate:100000:7",
    },
  ];
  const learned = [];
  for (const { name, spec, data } of streams) {
    learned.push({ stream: name, update: spec.batch, lanes: null, ...(await learn(spec, data)) });
    learned.push({
      stream: name,
      update: spec.batch,
      lanes: null,
      warmup: 0,
      ...(await learn({ ...spec, warmup: 0 }, data)),
    });
    for (const [events, rates] of smoke ? SIZES.slice(0, 1) : SIZES)
      for (const staleness of [0, 1] as const)
        for (const rate of staleness === 0 ? rates : [1]) {
          const lanes: LanesSpec = { count: LANES, round: events / LANES, staleness };
          const quality = await learn({ ...faster(spec, rate), batch: events, lanes }, data);
          learned.push({ stream: name, update: events, lanes: LANES, staleness, rate, ...quality });
        }
  }
  return {
    what: "progressive quality of one pass by events an update and staleness; rate: what all learning rates are multiplied by",
    learned,
  };
}

async function learn(model: CompiledSpec, data: string): Promise<object> {
  const out = mkdtempSync(join(tmpdir(), "hashbrook-lanes-"));
  try {
    const { examples, auc, logloss, last_tenth } = await train({ model, data, out, checkpointSeconds: 0 });
    const end = { auc: round(last_tenth.auc), logloss: round(last_tenth.logloss) };
    return { examples, auc: round(auc), logloss: round(logloss), last_tenth: end };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function faster(spec: CompiledSpec, by: number): CompiledSpec {
  const tables = spec.tables.map((table) => ({ ...table, optimizer: scaled(table.optimizer, by) }));
  return { ...spec, tables, tower: { ...spec.tower, optimizer: scaled(spec.tower.optimizer, by) } };
}

/** The rate is `alpha` of ftrl, `learning_rate` of the others. */
function scaled(optimizer: OptimizerSpec, by: number): OptimizerSpec {
  const rates = Object.entries(optimizer).map(([key, value]) => {
    return [key, key === "alpha" || key === "learning_rate" ? Number(value) * by : value];
  });
  return Object.fromEntries(rates) as OptimizerSpec;
}
