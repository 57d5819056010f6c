import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import xxhash from "xxhash-wasm";
import { openCheckpoint } from "../src/checkpoints/store.js";
import { batchLayout } from "../src/core/batch.js";
import { Decoder } from "../src/decode/decoder.js";
import { RequestCursor } from "../src/decode/request.js";
import { type Graph, sizeOf, withRows } from "../src/graph/graph.js";
import { specOf } from "../src/model/load.js";
import { towerShape } from "../src/model/tower-shape.js";
import { loadOnnxruntime } from "../src/runtimes/onnxruntime.js";
import type { CompiledSpec } from "../src/spec/compiled.js";
import { buildTower } from "../src/towers/tower.js";
import { closedLoop } from "./lib/closed-loop.js";
import { openLoop } from "./lib/open-loop.js";
import { hashbrook } from "./lib/run.js";

const FIELDS = Array.from({ length: 10 }, (_, i) => `f${i}`);
const SPEC = `
name: serving
events: { format: json }
label: { field: click }
fields:
${FIELDS.map((name) => `  - { name: ${name}, type: categorical, table: ids }`).join("\n")}
tables: { ids: { dim: 16, salt: field } }
tower: { deep_crossing: { residual: [256, 256] } }
train: { batch: 256 }
`;

const candidate = (i: number) => Object.fromEntries(FIELDS.map((name, f) => [name, `v${(i * 7919 + f * 31) % 5000}`]));
const bodyOf = (count: number) => {
  const candidates = Array.from({ length: count }, (_, i) => candidate(i));
  return Buffer.from(JSON.stringify({ context: {}, candidates }));
};

/**
 * Deep Crossing of 256-256 over ten fields behind HTTP, the load on the same cores: one candidate beside a fastify route that answers a
 * constant, a hundred beside the bare ONNX run in one thread, one beside requests of 10,000; requests joined in runs and not. Decoding a
 * hundred candidates beside JSON.parse with xxhash-wasm.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-serving-"));
  const ms = smoke ? 300 : 4000;
  try {
    const out = train(folder);
    const spec = specOf(openCheckpoint(out));
    const bare = await bareRun(spec, ms);
    const constant = await withServer(constantServer(), (url) => closedLoop(url, bodyOf(1), 64, ms));
    const served = await withServer(server(out), async (url) => {
      for (const count of [1, 100]) await closedLoop(url, bodyOf(count), 16, ms / 4);
      const one = await closedLoop(url, bodyOf(1), 64, ms);
      const hundred = await closedLoop(url, bodyOf(100), 16, ms);
      const alone = await closedLoop(url, bodyOf(1), 1, ms);
      const [beside] = await Promise.all([
        closedLoop(url, bodyOf(1), 1, ms),
        closedLoop(url, bodyOf(smoke ? 1000 : 10_000), 2, ms),
      ]);
      const busy = await openLoop(url, bodyOf(1), 0.7 * one.requests_per_second, ms);
      const flooded = await openLoop(url, bodyOf(100), 3 * hundred.requests_per_second, ms);
      const recovered = await openLoop(url, bodyOf(100), 0.5 * hundred.requests_per_second, ms);
      return { one, hundred, alone, beside, busy, flooded, recovered };
    });
    return {
      what: "Deep Crossing of 256-256, ten fields, one scoring thread; load generator on the same cores",
      decode: await decoding(spec, smoke ? 20 : 400),
      constant_64_connections: constant,
      one_candidate_64_connections: served.one,
      of_constant: ratio(served.one.requests_per_second, constant.requests_per_second),
      bare_onnx_candidates_per_second: Math.round(bare),
      hundred_candidates_16_connections: served.hundred,
      of_bare: ratio(served.hundred.requests_per_second * 100, bare),
      one_candidate_alone: served.alone,
      one_candidate_beside_10000: served.beside,
      one_candidate_at_70_percent: served.busy,
      hundred_candidates_at_3_times: served.flooded,
      good_of_peak: ratio(served.flooded.good_per_second, served.hundred.requests_per_second),
      hundred_candidates_at_half_right_after: served.recovered,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const ratio = (a: number, b: number) => Number((a / b).toFixed(2));

function train(folder: string): string {
  const out = join(folder, "run");
  writeFileSync(join(folder, "spec.yaml"), SPEC);
  const lines = Array.from({ length: 2560 }, (_, i) => JSON.stringify({ click: i % 3 ? 0 : 1, ...candidate(i) }));
  writeFileSync(join(folder, "events.json"), lines.join("\n"));
  hashbrook("train", "--model", join(folder, "spec.yaml"), "--data", join(folder, "events.json"), "--out", out);
  return out;
}

function server(out: string): ChildProcess {
  const more = ["--port", "0", "--workers", "1"];
  return spawn(process.execPath, ["dist/cli/main.js", "serve", "--checkpoint", out, ...more], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** A route that reads the body and answers as much as a score does. */
function constantServer(): ChildProcess {
  const program = `
import Fastify from ${JSON.stringify(resolve("node_modules/fastify/fastify.js"))};
const app = Fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_, body, done) => done(null, body));
const answer = { scores: [0.15943790972232819], model: "serving", version: 2560, spec_hash: "d30cb4093c04d4ac" };
app.post("/v1/score", async () => answer);
console.log(JSON.stringify({ listening: await app.listen({ port: 0, host: "127.0.0.1" }) }));`;
  return spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
}

async function withServer<T>(child: ChildProcess, use: (url: string) => Promise<T>): Promise<T> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    const line = await new Promise<string>((resolve) => child.stdout!.once("data", (data) => resolve(String(data))));
    return await use(`${JSON.parse(line).listening}/v1/score`);
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

/** Candidates a second of the tower's graph alone, in runs of 256, one thread. */
async function bareRun(spec: CompiledSpec, ms: number): Promise<number> {
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

/** Microseconds for a hundred candidates. */
async function decoding(spec: CompiledSpec, rounds: number): Promise<object> {
  const { h64 } = await xxhash();
  const { requests } = new Decoder(spec, { capacity: 128, format: "json", requireLabel: false });
  const body = bodyOf(100);
  const keys = new BigUint64Array(1000);
  const parsed = fastest(rounds, () => {
    let k = 0;
    const { candidates } = JSON.parse(body.toString()) as { candidates: Record<string, string>[] };
    for (const each of candidates) for (const name of FIELDS) keys[k++] = h64(each[name], 7n);
  });
  const ours = fastest(rounds, () => {
    if (requests.read(new RequestCursor(body), 0, 100) !== 100) throw new Error("the request was not read");
  });
  return { json_parse_xxhash_us: Math.round(parsed), kernel_us: Math.round(ours), times: ratio(parsed, ours) };
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
