import { execFileSync } from "node:child_process";
import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "../src/core/rng.js";
import { decodePart } from "../src/delta-log/entry.js";
import type { KeptState } from "../src/delta-log/kept-frame.js";
import type { KeptPlace } from "../src/delta-log/live.js";
import type { ServingState } from "../src/delta-log/state.js";
import { xxh64 } from "../src/kernels/hash.js";
import { RowDirectory } from "../src/row-store/row-directory.js";
import { Dispatcher } from "../src/serve/dispatcher.js";
import type { HostedModel } from "../src/serve/host.js";
import { LocalHost } from "../src/serve/local-host.js";
import { specHash } from "../src/spec/hash.js";
import { parseSpec } from "../src/spec/parse.js";
import { round } from "./lib/run.js";

const DIM = 16;
const FIELDS = 10;
const CANDIDATES = 100;
const EXPONENT = 1.05;
/** Rows told at a time. */
const PIECE = 8192;
/** Bytes of a row in memory: key, weights, its part of the index, and what eviction goes by. */
const ROW_BYTES = 8 + DIM * 4 + 16;
const CHANGED = 10_000;

const spec = parseSpec(
  `
name: row-store
events: { format: json }
label: { field: click }
fields:
${Array.from({ length: FIELDS }, (_, i) => `  - { name: f${i}, type: categorical, table: ids }`).join("\n")}
tables: { ids: { dim: ${DIM}, encoding: exact } }
tower: { deep_crossing: { residual: [256, 256] } }
`,
  "row-store",
);
const hash = specHash(spec);
const seed = BigInt(`0x${spec.tables[0].cells[0].seed}`);
const keyOf = (id: number): bigint => xxh64(`v${id}`, seed);

/**
 * A scorer whose table lies on disk, with memory for a tenth of the rows, beside one with all rows in memory: the same requests of Zipf
 * ids in turn, every one new, answers compared first.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const rows = smoke ? 20_000 : 5_000_000;
  const requests = smoke ? 20 : 400;
  const draw = zipf(rows);
  const bodies = (count: number) => Array.from({ length: count }, () => bodyOf(draw));
  const path = mkdtempSync(join(tmpdir(), "row-store-"));
  const memory = await Scoring.open();
  await load(memory, rows);
  let directory = await RowDirectory.open(path, { cacheBytes: 0.1 * rows * ROW_BYTES });
  let disk = await Scoring.open(directory);
  const loaded = await load(disk, rows);
  const file = statSync(join(path, "1/data.mdb"));
  await compare(memory, disk, bodies(smoke ? 20 : 200));
  // The rows in memory settle.
  for (const body of bodies(requests * 2)) await disk.score(body);
  const times = { memory: [] as number[], disk: [] as number[] };
  const shares: number[] = [];
  for (let turn = 0; turn < (smoke ? 1 : 7); turn++) {
    const asked = bodies(requests);
    const [a, b] = [await memory.times(asked), await disk.times(asked)];
    times.memory.push(...a);
    times.disk.push(...b);
    shares.push(sum(a) / sum(b));
  }
  shares.sort((a, b) => a - b);
  const share = shares[shares.length >> 1];
  if (!smoke && share < 0.5) throw new Error(`rows on disk: ${share} of the rate with all in memory`);
  const entries = { memory: await entry(memory, rows), disk: await entry(disk, rows) };
  await compare(memory, disk, bodies(smoke ? 5 : 50));
  await disk.close();
  await directory.close();
  forget(join(path, "1/data.mdb"));
  const started = performance.now();
  directory = await RowDirectory.open(path, { cacheBytes: 0.1 * rows * ROW_BYTES });
  const kept = directory.kept!;
  disk = await Scoring.open(directory);
  await disk.goOn(kept);
  const restart = performance.now() - started;
  const cold = await disk.times(bodies(smoke ? 5 : 100));
  await compare(memory, disk, bodies(smoke ? 5 : 50));
  return {
    what: "rows in a database on disk, memory for a tenth of them, beside all rows in memory; one thread, one request at a time, in turns",
    rows,
    dim: DIM,
    fields: FIELDS,
    candidates: CANDIDATES,
    zipf: EXPONENT,
    compared: "equal, before, after and following an entry and a restart",
    rate_share: round(share, 3),
    rate_shares: shares.map((one) => round(one, 3)),
    memory: told(times.memory),
    disk: told(times.disk),
    database_bytes_per_row: round(file.size / rows, 1),
    load_rows_per_second: Math.round(rows / loaded),
    entry_of_changed_rows: { rows: CHANGED, memory_ms: round(entries.memory, 1), disk_ms: round(entries.disk, 1) },
    restart_ms: round(restart, 0),
    first_requests_from_disk: told(cold),
  };
}

class Scoring {
  private readonly dispatcher: Dispatcher;
  private readonly model: HostedModel;
  private number = 0;

  private constructor(model: HostedModel, dispatcher: Dispatcher) {
    this.model = model;
    this.dispatcher = dispatcher;
  }

  static async open(rows?: RowDirectory): Promise<Scoring> {
    const host = new LocalHost({ rows });
    const model = await host.open(JSON.parse(JSON.stringify(spec)), hash);
    host.answer(() => ({ model, examples: 0 }));
    return new Scoring(model, new Dispatcher(host.lanes));
  }

  async apply(states: readonly ServingState[], whole: boolean): Promise<void> {
    await this.model.apply(states, 0, whole ? placeOf(this.number++) : undefined);
  }

  /** From what an earlier one left. */
  async goOn(kept: KeptState): Promise<void> {
    await this.model.apply([decodePart(kept.frame.body).state], 0, kept);
  }

  async score(body: Buffer): Promise<Float32Array> {
    return (await this.dispatcher.score(body, {})).scores;
  }

  /** Milliseconds of each. */
  async times(bodies: readonly Buffer[]): Promise<number[]> {
    const times: number[] = [];
    for (const body of bodies) {
      const started = performance.now();
      await this.score(body);
      times.push(performance.now() - started);
    }
    return times;
  }

  close(): Promise<void> {
    return this.model.close();
  }
}

const placeOf = (number: number): KeptPlace => {
  const link = String(number).padStart(16, "0");
  return { run: hash, number, version: 0, link, epoch: 1, sent: 0, newestEvent: null, held: null };
};

/** All rows, as a snapshot has them. @returns seconds */
async function load(scoring: Scoring, rows: number): Promise<number> {
  const started = performance.now();
  for (let from = 0; from < rows; from += PIECE) {
    const to = Math.min(from + PIECE, rows);
    await scoring.apply([stateOf(Array.from({ length: to - from }, (_, i) => from + i))], to === rows);
  }
  return (performance.now() - started) / 1000;
}

/** An entry of changed rows. @returns milliseconds */
async function entry(scoring: Scoring, rows: number): Promise<number> {
  const rng = new Rng(9);
  const state = stateOf(Array.from({ length: Math.min(CHANGED, rows) }, () => rng.below(rows)));
  for (let i = 0; i < state.tables[0].weights.length; i++) state.tables[0].weights[i] *= 2;
  const started = performance.now();
  await scoring.apply([state], true);
  return performance.now() - started;
}

function stateOf(ids: readonly number[]): ServingState {
  const weights = Float32Array.from({ length: ids.length * DIM }, (_, i) => {
    return (((ids[Math.floor(i / DIM)] * 31 + (i % DIM) * 17) % 199) - 99) / 1000;
  });
  const table = {
    name: "ids",
    dim: DIM,
    keys: BigUint64Array.from(ids, keyOf),
    weights,
    removed: new BigUint64Array(),
  };
  return { tables: [table], dense: [], statistics: null };
}

/** Draws ids from 0 on, the k-th with probability proportional to k^-1.05. */
function zipf(ids: number): () => number {
  const rng = new Rng(7);
  const up = new Float64Array(ids);
  let total = 0;
  for (let i = 0; i < ids; i++) up[i] = total += (i + 1) ** -EXPONENT;
  return () => {
    const at = rng.uniform() * total;
    let [low, high] = [0, ids - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (up[middle] < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function bodyOf(draw: () => number): Buffer {
  const candidate = () => Object.fromEntries(Array.from({ length: FIELDS }, (_, f) => [`f${f}`, `v${draw()}`]));
  return Buffer.from(JSON.stringify({ context: {}, candidates: Array.from({ length: CANDIDATES }, candidate) }));
}

async function compare(a: Scoring, b: Scoring, bodies: readonly Buffer[]): Promise<void> {
  for (const body of bodies) {
    const [left, right] = [await a.score(body), await b.score(body)];
    if (!left.every((score, i) => Object.is(score, right[i]))) throw new Error("scores differ");
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

function told(times: readonly number[]): object {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.floor(sorted.length * share)], 2);
  const rate = Math.round((times.length * CANDIDATES * 1000) / sum(times));
  return { candidates_per_second: rate, p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** The operating system gives up what it has of a file in memory. */
function forget(path: string): void {
  execFileSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"], { stdio: "ignore" });
}
