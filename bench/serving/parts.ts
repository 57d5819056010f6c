import { once } from "node:events";
import { Worker } from "node:worker_threads";
import xxhash from "xxhash-wasm";
import { batchLayout } from "../../src/core/batch.js";
import { Decoder } from "../../src/decode/decoder.js";
import { RequestCursor } from "../../src/decode/request.js";
import { type Graph, sizeOf, withRows } from "../../src/graph/graph.js";
import { towerShape } from "../../src/model/tower-shape.js";
import { loadOnnxruntime } from "../../src/runtimes/onnxruntime.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { buildTower } from "../../src/towers/tower.js";
import { openLoop } from "../lib/open-loop.js";
import { bodyOf, type Served } from "./model.js";
import { constant, withServer } from "./servers.js";

/** Candidates per second of the tower's graph alone, in runs of 256, one thread. */
export async function bareRun(spec: CompiledSpec, ms: number): Promise<number> {
  const rows = 256;
  const { infer } = buildTower(spec.tower, towerShape(spec, batchLayout(spec, rows)), spec.seed);
  const session = await (await loadOnnxruntime()).load(infer, { threads: 1 });
  const views = (tensors: Iterable<{ readonly name: string; readonly shape: Graph["inputs"][number]["shape"] }>) =>
    Object.fromEntries(
      [...tensors].map(({ name, shape }) => [
        name,
        { data: new Float32Array(sizeOf(shape, rows)).fill(0.01), shape: withRows(shape, rows) },
      ]),
    );
  const feeds = views([...infer.inputs, ...infer.parameters]);
  const fetches = views([...infer.outputs].map(([name, { shape }]) => ({ name, shape })));
  const started = performance.now();
  let runs = 0;
  for (; performance.now() - started < ms; runs++) await session.run(feeds, fetches);
  const seconds = (performance.now() - started) / 1000;
  await session.release();
  return (runs * rows) / seconds;
}

/**
 * The same while the cores do the rest of a server's work: clients send requests to a server that returns a constant, at this rate.
 * @param perSecond requests
 */
export function bareBeside(spec: CompiledSpec, body: Uint8Array, perSecond: number, ms: number): Promise<number> {
  return withServer(constant(), async ({ url }) => {
    const thread = new Worker(new URL("./bare-thread.js", import.meta.url), { workerData: { spec, ms } });
    const [[found]] = await Promise.all([once(thread, "message"), openLoop(url, body, perSecond, 1.5 * ms)]);
    return found as number;
  });
}

/** Microseconds for a hundred candidates. */
export async function decoding(model: Served, spec: CompiledSpec, rounds: number): Promise<object> {
  const { h64 } = await xxhash();
  const { requests } = new Decoder(spec, { capacity: 128, format: "json", requireLabel: false });
  const body = bodyOf(model, 100);
  const keys = new BigUint64Array(100 * model.fields.length);
  const parsed = fastest(rounds, () => {
    let k = 0;
    const { candidates } = JSON.parse(body.toString()) as { candidates: Record<string, string>[] };
    for (const each of candidates) for (const name of model.fields) keys[k++] = h64(each[name], 7n);
  });
  const ours = fastest(rounds, () => {
    if (requests.read(new RequestCursor(body), 0, 100) !== 100) throw new Error("the request was not read");
  });
  return {
    json_parse_xxhash_us: Math.round(parsed),
    kernel_us: Math.round(ours),
    times: Number((parsed / ours).toFixed(2)),
  };
}

function fastest(rounds: number, step: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    for (let i = 0; i < 10; i++) step();
    best = Math.min(best, (performance.now() - started) * 100);
  }
  return best;
}
