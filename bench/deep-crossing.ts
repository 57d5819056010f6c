import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Tensor } from "onnxruntime-common";
import { batchLayout } from "../src/core/batch.js";
import { Rng } from "../src/core/rng.js";
import { type Graph, withRows } from "../src/graph/graph.js";
import { toOnnx } from "../src/graph/onnx.js";
import { towerShape } from "../src/model/tower-shape.js";
import { onnxruntime, sessionOptions } from "../src/runtimes/onnxruntime.js";
import { PROBES } from "../src/runtimes/probe.js";
import { loadRuntime, type Session, type TensorView } from "../src/runtimes/runtime.js";
import type { CompiledSpec } from "../src/spec/compiled.js";
import { loadSpec } from "../src/spec/parse.js";
import { buildTower } from "../src/towers/tower.js";
import { criteoLike } from "./lib/criteo-like.js";
import { globo } from "./lib/globo.js";
import { median, round, trainOnce } from "./lib/run.js";

/** deep_crossing from file to checkpoint, compared with the bound: the bare train step of the same graph, batch and threads. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const cases = [{ model: "features/criteo-deep-crossing.yaml", data: criteoLike(smoke ? 2_000 : 300_000) }];
  const clicks = globo(smoke ? 1_000 : 400_000);
  if (clicks) cases.push({ model: "features/globo-deep-crossing.yaml", data: clicks });
  const results = [];
  for (const { model, data } of cases) results.push(await compare(model, data, smoke));
  return {
    what: "deep_crossing, file to checkpoint, against the bare ONNX train step",
    threads: availableParallelism(),
    cases: results,
  };
}

async function compare(model: string, data: string, smoke: boolean): Promise<object> {
  const spec = loadSpec(model);
  const repeats = smoke ? 1 : 5;
  // A trainer's session chooses its threads during the first steps.
  const [warm, seconds] = smoke ? [2, 0.05] : [2 * PROBES + 8, 4];
  const bare: number[] = [];
  const session: number[] = [];
  const full: number[] = [];
  const whole: object[] = [];
  for (let i = 0; i < repeats; i++) {
    const threads = i % 2 === 0 ? [1, availableParallelism()] : [availableParallelism(), 1];
    const rates: number[] = [];
    for (const count of threads) rates.push(await stepRate(spec, { warm, seconds }, plainSession(count)));
    bare.push(Math.max(...rates));
    session.push(await stepRate(spec, { warm, seconds }, ourSession));
    const report = trainOnce(model, data);
    if (!existsSync(data) || report.rejected > 0 || report.skipped > 0) throw new Error(`${data}: rows were lost`);
    full.push(report.examples / report.seconds);
    whole.push({ wall_seconds: report.wall_seconds, processor_seconds: report.processor_seconds });
  }
  return {
    model,
    batch: spec.batch,
    ...("residual" in spec.tower && { residual: spec.tower.residual }),
    bare_rows_per_second: bare.map(Math.round),
    session_rows_per_second: session.map(Math.round),
    file_to_checkpoint_rows_per_second: full.map(Math.round),
    whole_process: whole,
    ratio: round(median(full) / median(bare), 3),
    ratio_to_session: round(median(full) / median(session), 3),
  };
}

type OpenSession = (graph: Graph, rows: number) => Promise<Session>;

/** Plain onnxruntime-node with the trainer's options: tensors created once, outputs preallocated. */
const plainSession =
  (threads: number): OpenSession =>
  async (graph) => {
    const ort = onnxruntime();
    const session = await ort.InferenceSession.create(toOnnx(graph), sessionOptions(threads));
    const cache = new Map<object, Record<string, Tensor>>();
    const tensors = (views: Readonly<Record<string, TensorView>>): Record<string, Tensor> => {
      const known = cache.get(views);
      if (known) return known;
      const made = Object.entries(views).map(([name, { data, shape }]) => [
        name,
        new ort.Tensor("float32", data, shape),
      ]);
      cache.set(views, Object.fromEntries(made));
      return cache.get(views)!;
    };
    return {
      run: async (feeds, fetches) => void (await session.run(tensors(feeds), tensors(fetches))),
      release: () => session.release(),
    };
  };

/** The session of a trainer, which also immediately frees what onnxruntime-node copies. */
const ourSession: OpenSession = async (graph, rows) =>
  (await loadRuntime("onnxruntime")).load(graph, { threads: availableParallelism(), rows });

/** Rows per second of the train graph alone, over constant inputs. */
async function stepRate(
  spec: CompiledSpec,
  { warm, seconds }: { warm: number; seconds: number },
  open: OpenSession,
): Promise<number> {
  const tower = buildTower(spec.tower, towerShape(spec, batchLayout(spec, spec.batch)), spec.seed);
  const session = await open(tower.train, spec.batch);
  const rng = new Rng(1);
  const initial = new Map(tower.parameters.map((parameter) => [parameter.name, parameter.initial]));
  const feeds: Record<string, TensorView> = {};
  for (const { name, shape } of [...tower.train.inputs, ...tower.train.parameters]) {
    const sizes = withRows(shape, spec.batch);
    const data = initial.get(name) ?? Float32Array.from({ length: product(sizes) }, () => rng.uniform() * 0.1 - 0.05);
    feeds[name] = { data, shape: sizes };
  }
  const fetches = outputsOf(tower.train, spec.batch);
  for (let i = 0; i < warm; i++) await session.run(feeds, fetches);
  if (!fetches.logits.data.every(Number.isFinite)) throw new Error("the bare step gave no finite logits");
  const started = performance.now();
  let steps = 0;
  for (; performance.now() - started < seconds * 1000; steps++) await session.run(feeds, fetches);
  const rate = (steps * spec.batch * 1000) / (performance.now() - started);
  await session.release();
  return rate;
}

function outputsOf(graph: Graph, rows: number): Record<string, TensorView> {
  return Object.fromEntries(
    [...graph.outputs].map(([name, { shape }]) => {
      const sizes = withRows(shape, rows);
      return [name, { data: new Float32Array(product(sizes)), shape: sizes }];
    }),
  );
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
