import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { checksumOf } from "../src/checkpoints/checksum.js";
import { Batch, batchLayout } from "../src/core/batch.js";
import { Decoder } from "../src/decode/decoder.js";
import { sigmoid } from "../src/metrics/kernel.js";
import { ProgressiveMetrics } from "../src/metrics/progressive.js";
import { createModel } from "../src/model/create.js";
import { openSource } from "../src/sources/source.js";
import type { CompiledSpec } from "../src/spec/compiled.js";
import { loadSpec, parseSpec } from "../src/spec/parse.js";
import { FirstSteps } from "../src/train/first-steps.js";
import { START } from "../src/train/stream.js";
import { decodedBatches } from "../src/train/text-feed.js";
import { globo } from "./lib/globo.js";
import { DATA, peersPython, round } from "./lib/run.js";

interface Stream {
  readonly name: string;
  readonly spec: CompiledSpec;
  readonly path: string;
  /** Its configuration of bench/peers/deep_crossing.py, if it is compared. */
  readonly peer?: string;
}

/** Quality of a stream's first events: towers with and without their first steps, and PyTorch with tuned learning rates. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const python = smoke ? null : peersPython();
  const streams = [];
  for (const stream of streamsOf(smoke ? 5_000 : 60_000)) {
    const learned = [];
    for (const [how, warmup] of HOW) learned.push({ how, ...(await learn(stream, how, warmup)) });
    const pytorch = python && stream.peer ? tuned(python, stream.path, stream.peer) : undefined;
    streams.push({ stream: stream.name, learned, ...(pytorch && { pytorch }) });
  }
  return {
    what: "predicted / actual and quality of a stream's first events, every event scored before it is learned; PyTorch with the best of its grid by logloss",
    streams,
  };
}

const HOW = [
  ["full batches from the start, random bias", 0],
  ["default", undefined],
  ["warmup: 65536", 65_536],
] as const;

async function learn({ spec: given, path }: Stream, how: string, warmup: number | undefined): Promise<object> {
  const spec = warmup === undefined ? given : { ...given, warmup };
  const layout = batchLayout(spec, spec.batch);
  const model = await createModel(spec, { layout, threads: 1, purpose: "train" });
  const steps = new FirstSteps(spec, how === HOW[0][0] ? null : undefined);
  const metrics = new ProgressiveMetrics({ window: 1 << 30 });
  const ratio = new Ratio();
  const source = openSource([path]);
  const decoder = new Decoder(spec, { capacity: spec.batch });
  const options = {
    start: START,
    epochs: 1,
    limit: Number.POSITIVE_INFINITY,
    buffer: () => new ArrayBuffer(layout.bytes),
  };
  for await (const { rows, buffer } of decodedBatches(source, decoder, options)) {
    const batch = new Batch(layout, rows, buffer);
    const { logits } = await steps.learn(model, batch);
    metrics.add(logits, batch.labels, batch.weights);
    ratio.add(sigmoid(logits), batch.labels);
  }
  await model.close();
  await source.close();
  const { examples, auc, logloss } = metrics.lifetime();
  if (!(auc !== null && auc > 0.4)) throw new Error(`${path}: AUC ${auc}`);
  return { examples, auc: round(auc), logloss: round(logloss, 5), predicted_to_actual: ratio.at };
}

/** Predicted ÷ actual positives of the first 512 and 10,000 events, and of all. */
class Ratio {
  private events = 0;
  private predicted = 0;
  private actual = 0;
  private readonly marks: Record<string, number | null> = {};

  add(probabilities: Float32Array, labels: Float32Array): void {
    for (let i = 0; i < labels.length; i++) {
      this.predicted += probabilities[i];
      this.actual += labels[i];
      if (++this.events === 512 || this.events === 10_000) this.marks[`first_${this.events}`] = this.ratio;
    }
  }

  get at(): object {
    return { ...this.marks, all: this.ratio };
  }

  private get ratio(): number | null {
    return this.actual > 0 ? round(this.predicted / this.actual, 3) : null;
  }
}

/** PyTorch's Deep Crossing with the best of some learning rates and batch sizes. */
function tuned(python: string, path: string, config: string): object {
  const runs = [64, 512].flatMap((batch) =>
    [1e-3, 3e-3].flatMap((lr) =>
      [0.1, 0.4].map((rows) => {
        const steps = { batch, lr, embedding_lr: rows };
        const args = ["--config", config, "--batch", `${batch}`, "--lr", `${lr}`, "--embedding-lr", `${rows}`];
        const output = execFileSync(python, ["bench/peers/deep_crossing.py", path, ...args], { encoding: "utf8" });
        return { ...steps, ...JSON.parse(output.trim().split("\n").at(-1)!) };
      }),
    ),
  );
  return runs.reduce((best, other) => (other.logloss < best.logloss ? other : best));
}

function streamsOf(rows: number): Stream[] {
  const streams: Stream[] = [];
  const clicks = globo(Math.max(1_000, rows / 5));
  const many = globo(Math.max(1_000, rows / 4));
  const spec = loadSpec("features/globo-deep-crossing.yaml");
  if (clicks && many) {
    streams.push({ name: "Globo, 20 % clicks", spec, path: clicks, peer: "globo-crosses" });
    const sparse = rewritten(many, "sparse", rows, (line) => (line[0] === "1" && dropped(line) ? null : line));
    streams.push({ name: "Globo, 4.8 % clicks", spec, path: sparse, peer: "globo-crosses" });
  }
  const attribution = join(DATA, "criteo-attribution-sample/impressions.csv.gz");
  if (existsSync(attribution)) {
    const path = rewritten(attribution, "attribution", rows, (line) =>
      /^\d/.test(line) ? line.split(",").slice(2).join("\t") : null,
    );
    streams.push({
      name: "Criteo attribution, 35 % clicks",
      spec: ids(["cat1", "cat4", "cat6", "cat8", "cat9"]),
      path,
    });
  }
  const tweets = join(DATA, "movietweetings/ratings.dat.gz");
  if (existsSync(tweets)) {
    const path = rewritten(
      tweets,
      "tweets",
      rows,
      (line) => {
        const [user, film, rating] = line.split("::");
        return [Number(Number(rating) >= 8), user, film].join("\t");
      },
      (line) => Number(line.split("::")[3]),
    );
    streams.push({ name: "MovieTweetings, about half liked", spec: ids(["user", "film"]), path });
  }
  if (streams.length === 0) console.error("skipped: no data under ../shared/data");
  return streams;
}

/** Four of five clicks, by a hash of the whole line. */
function dropped(line: string): boolean {
  return checksumOf(Buffer.from(line)).charCodeAt(0) % 5 !== 0;
}

/** Writes the selected lines of a file under the temporary folder. */
function rewritten(
  from: string,
  name: string,
  rows: number,
  change: (line: string) => string | null,
  time: (line: string) => number = () => 0,
): string {
  const path = join(tmpdir(), "hashbrook-bench", `start-${name}-${rows}.tsv`);
  const bytes = readFileSync(from);
  const text = (from.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  const lines = text
    .trimEnd()
    .split("\n")
    .sort((a, b) => time(a) - time(b))
    .map(change)
    .filter((line) => line !== null);
  writeFileSync(path, `${lines.slice(0, rows).join("\n")}\n`);
  return path;
}

/** Deep Crossing over some ids, by default all. */
function ids(fields: readonly string[]): CompiledSpec {
  return parseSpec(
    `
name: ids
events: { format: tsv, columns: [label, ${fields.join(", ")}] }
label: { field: label }
fields:
${fields.map((name) => `  - { name: ${name}, type: categorical, table: ids }`).join("\n")}
tables: { ids: { dim: 8, salt: field } }
tower: deep_crossing
`,
    "ids.yaml",
  );
}
