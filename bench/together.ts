import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { checksumOf } from "../src/checkpoints/checksum.js";
import { simulate } from "../src/sources/simulator/run.js";
import { type Measured, measured } from "./lib/measured.js";
import { median, round } from "./lib/run.js";

interface Case {
  readonly name: string;
  readonly spec: string;
  readonly models: number;
  readonly rows: number;
}

/** k models together compared with k runs of one: whole processes, after their checkpoints were found equal. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-together-"));
  try {
    const cases: object[] = [];
    for (const each of casesOf(smoke)) cases.push(await measure(each, folder, smoke ? 1 : 3));
    return {
      what: "k models learned together ÷ k runs of one model each: processor seconds and wall-clock time of whole processes with equal checkpoints",
      cores: availableParallelism(),
      cases,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function casesOf(smoke: boolean): Case[] {
  const many = smoke ? 3_000 : 300_000;
  const few = smoke ? 2_000 : 60_000;
  const lr = readFileSync("features/ads-demo-lr.yaml", "utf8").replace("rows: 4_194_304", "rows: 262_144");
  const fm = lr.replace("tower: lr", "tower: fm").replace("optimizer:", "dim: 8, optimizer:");
  const tower = readFileSync("features/ads-demo.yaml", "utf8");
  return [
    { name: "lr", spec: lr, models: 3, rows: many },
    ...(smoke ? [] : [{ name: "lr", spec: lr, models: 6, rows: many }]),
    { name: "fm", spec: fm, models: 3, rows: many },
    { name: "deep_crossing", spec: tower, models: 2, rows: few },
  ];
}

async function measure({ name, spec, models, rows }: Case, folder: string, rounds: number): Promise<object> {
  const data = join(folder, `${rows}.tsv`);
  const chunks: Uint8Array[] = [];
  await simulate({ rows, seed: 7, format: "tsv", write: (bytes) => void chunks.push(bytes.slice()) });
  writeFileSync(data, Buffer.concat(chunks));
  const specs = Array.from({ length: models }, (_, i) => join(folder, `m${i}.yaml`));
  // Different learning rates: the models differ in what they learn, not in what they read.
  for (const [i, path] of specs.entries())
    writeFileSync(path, `${spec}\n`.replace("alpha: 0.1", `alpha: ${0.1 + i / 50}`));
  const all = { alone: [] as Cost[], together: [] as Cost[] };
  for (let i = 0; i < rounds; i++) {
    const [alone, together] = [join(folder, "alone"), join(folder, "together")];
    const runs = specs.map((path, m) => train([path], data, join(alone, `m${m}`)));
    const total = (of: keyof Cost) => runs.reduce((all, each) => all + each[of], 0);
    all.alone.push({ processor_seconds: total("processor_seconds"), wall_seconds: total("wall_seconds") });
    all.together.push(train(specs, data, together));
    if (i === 0) refuseDifferent(alone, together, models);
    for (const path of [alone, together]) rmSync(path, { recursive: true });
  }
  const middle = (costs: readonly Cost[], of: keyof Cost) => median(costs.map((each) => each[of]));
  const ratio = (of: keyof Cost) => round(middle(all.together, of) / middle(all.alone, of), 2);
  const both = (of: keyof Cost) => ({
    alone: round(middle(all.alone, of), 2),
    together: round(middle(all.together, of), 2),
  });
  return {
    model: name,
    models,
    rows,
    processor_seconds: both("processor_seconds"),
    wall_seconds: both("wall_seconds"),
    processor_ratio: ratio("processor_seconds"),
    wall_ratio: ratio("wall_seconds"),
    times_one: round(models * ratio("processor_seconds")!, 2),
  };
}

type Cost = Measured;

function train(specs: readonly string[], data: string, out: string): Measured {
  const models = specs.flatMap((path) => ["--model", path]);
  return measured(process.execPath, "dist/cli/main.js", "train", ...models, "--data", data, "--out", out, "--json");
}

function refuseDifferent(alone: string, together: string, models: number): void {
  for (let m = 0; m < models; m++) {
    const [one, other] = [alone, together].map((path) => digest(join(path, `m${m}`)));
    if (one !== other) throw new Error(`m${m}: its checkpoint differs from that of training it alone`);
  }
}

function digest(out: string): string {
  const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  // The command line is not part of a model.
  const model = files.filter(({ name }) => name !== "commands.jsonl");
  const paths = model.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return paths.map((path) => checksumOf(readFileSync(path))).join();
}
