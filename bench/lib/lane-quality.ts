import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CompiledSpec, OptimizerSpec } from "../../src/spec/compiled.js";
import { train } from "../../src/train/train.js";
import { round } from "./run.js";

const LANES = 4;
const PLAIN_RATES = [0.5, 1, 2];
/** Events of an update, and for each staleness the tried factors of all learning rates, of which the best counts. */
const SIZES: readonly (readonly [events: number, fresh: readonly number[], stale: readonly number[]])[] = [
  [512, [1, 2], [0.5, 1, 2]],
  [2048, [1, 2], [0.5, 1, 2]],
  [8192, [1, 2, 4], [1, 2, 4]],
  [32_768, [1, 2, 4], [1, 2, 4]],
  [65_536, [2, 4], [1, 2, 4]],
];

/** A spec and its events. */
export interface Stream {
  readonly name: string;
  readonly spec: CompiledSpec;
  readonly data: string;
}

interface Quality {
  readonly auc: number;
  readonly logloss: number;
}

/** One pass; every event is scored before it is learned. */
interface Pass extends Quality {
  readonly rate: number;
  readonly last_tenth: Quality;
}

/** The cost in quality of larger updates, and of weights that are one round older, each with the best of its learning rates. */
export async function laneQuality(streams: readonly Stream[], smoke: boolean): Promise<object> {
  const measured = [];
  for (const stream of streams) {
    const plain = await best(stream, smoke ? [1] : PLAIN_RATES);
    const lanes = [];
    for (const [update, ...rates] of smoke ? ([[512, [1], [1]]] as const) : SIZES)
      for (const [staleness, tried] of rates.entries()) {
        const learned = await best(shared(stream, update, staleness as 0 | 1), tried);
        lanes.push({ update, staleness, ...learned, cost: costs(plain, learned) });
      }
    measured.push({ stream: stream.name, plain: { update: stream.spec.batch, ...plain }, lanes });
  }
  return {
    what: "progressive quality of one pass by events per update and staleness; rate: factor of all learning rates, the best of those tried; cost: points of AUC lost compared with training without lanes",
    lanes: LANES,
    streams: measured,
  };
}

function shared(stream: Stream, events: number, staleness: 0 | 1): Stream {
  const lanes = { count: LANES, round: events / LANES, staleness };
  return { ...stream, spec: { ...stream.spec, batch: events, lanes } };
}

/** The best pass by AUC; `tried`: AUC of all of them by rate. */
async function best({ spec, data }: Stream, rates: readonly number[]) {
  const passes: Pass[] = [];
  for (const rate of rates) passes.push({ rate, ...(await learn(faster(spec, rate), data)) });
  const found = passes.reduce((one, other) => (other.auc > one.auc ? other : one));
  return { ...found, tried: Object.fromEntries(passes.map(({ rate, auc }) => [rate, auc])) };
}

/** Points of AUC, over the whole pass and its last tenth. */
function costs(plain: Pass, lanes: Pass): object {
  const points = (one: Quality, other: Quality) => round(100 * (one.auc - other.auc), 2);
  return { auc: points(plain, lanes), last_tenth: points(plain.last_tenth, lanes.last_tenth) };
}

async function learn(model: CompiledSpec, data: string) {
  const out = mkdtempSync(join(tmpdir(), "hashbrook-lanes-"));
  try {
    const { examples, last_tenth, ...whole } = await train({ model, data, out, checkpointSeconds: 0, threads: 1 });
    return { examples, ...quality(whole), last_tenth: quality(last_tenth) };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function quality({ auc, logloss }: { auc: number | null; logloss: number | null }): Quality {
  if (auc === null || logloss === null) throw new Error("one class only");
  return { auc: round(auc)!, logloss: round(logloss)! };
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
