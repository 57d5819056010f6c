import { execFileSync } from "node:child_process";
import { Rng } from "../../src/core/rng.js";
import { decodePart } from "../../src/delta-log/entry.js";
import type { KeptState } from "../../src/delta-log/kept-frame.js";
import type { KeptPlace } from "../../src/delta-log/live.js";
import type { ServingState } from "../../src/delta-log/state.js";
import { xxh64 } from "../../src/kernels/hash.js";
import type { RowDirectory } from "../../src/row-store/row-directory.js";
import { Dispatcher } from "../../src/serve/threads/dispatcher.js";
import type { HostedModel } from "../../src/serve/threads/host.js";
import { LocalHost } from "../../src/serve/threads/local-host.js";
import { specHash } from "../../src/spec/hash.js";
import { parseSpec } from "../../src/spec/parse.js";
import { round } from "./run.js";

export const DIM = 16;
export const FIELDS = 10;
export const CANDIDATES = 100;
export const EXPONENT = 1.05;
/** Rows sent at a time. */
const PIECE = 8192;
/** Bytes of a row in memory: key, weights, its part of the index, and its eviction data. */
export const ROW_BYTES = 8 + DIM * 4 + 16;

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

/** Scores ten fields of one table of exact rows, one request at a time. */
export class Scoring {
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

  /** From the store that an earlier one left. */
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

/** All rows, as a snapshot. @returns seconds */
export async function load(scoring: Scoring, rows: number): Promise<number> {
  const started = performance.now();
  for (let from = 0; from < rows; from += PIECE) {
    const to = Math.min(from + PIECE, rows);
    await scoring.apply([stateOf(Array.from({ length: to - from }, (_, i) => from + i))], to === rows);
  }
  return (performance.now() - started) / 1000;
}

/** Rows of these ids, with weights derived from them. */
export function stateOf(ids: readonly number[]): ServingState {
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
export function zipf(ids: number): () => number {
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

/** A request. */
export function bodyOf(draw: () => number): Buffer {
  const candidate = () => Object.fromEntries(Array.from({ length: FIELDS }, (_, f) => [`f${f}`, `v${draw()}`]));
  return Buffer.from(JSON.stringify({ context: {}, candidates: Array.from({ length: CANDIDATES }, candidate) }));
}

/** @throws Error if scores differ */
export async function compare(a: Scoring, b: Scoring, bodies: readonly Buffer[]): Promise<void> {
  for (const body of bodies) {
    const [left, right] = [await a.score(body), await b.score(body)];
    if (!left.every((score, i) => Object.is(score, right[i]))) throw new Error("scores differ");
  }
}

export const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

export function told(times: readonly number[]): object {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.floor(sorted.length * share)], 2);
  const rate = Math.round((times.length * CANDIDATES * 1000) / sum(times));
  return { candidates_per_second: rate, p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** Drops a file from the operating system's cache. */
export function forget(path: string): void {
  execFileSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"], { stdio: "ignore" });
}
