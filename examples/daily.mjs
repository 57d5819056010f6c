// A file of events per day: check it, score it with yesterday's model, learn it.
//
//   node examples/daily.mjs [DIR]      DIR: folder for events, model and predictions (default: a temporary one)
import { createWriteStream, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { check, evaluate, HashbrookError, predict, simulate, train } from "hashbrook";

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "hashbrook-"));
const model = fileURLToPath(import.meta.resolve("hashbrook/features/ads-demo-lr.yaml"));
const out = join(folder, "model");

/** A day's log. Here it is simulated; use any TSV, CSV, JSON lines or Vowpal Wabbit text, also .gz and .zst. */
async function logOf(day) {
  const path = join(folder, `day${day}.tsv`);
  const file = createWriteStream(path);
  const write = (bytes) => new Promise((resolve) => file.write(bytes, resolve));
  await simulate({ rows: 3000, seed: day, format: "tsv", write, start: Date.UTC(2026, 0, day) });
  await new Promise((resolve) => file.end(resolve));
  return path;
}

// Before anything is learned: what would be rejected, what looks wrong, which labels there are.
const first = await logOf(1);
const { ok, accepted, rejected, label, warnings } = await check({ model, data: first });
console.log({ ok, accepted, rejected, positive_rate: label.positive_rate, warnings });
await train({ model, data: first, out });

// The next day: how well does the model predict it? These events are scored, but not learned.
const data = await logOf(2);
const { auc, calibration } = await evaluate({ checkpoint: out, data });
console.log(`day 2, before it was learned: AUC ${auc}, predicted ÷ actual clicks ${calibration}`);
const predictions = join(folder, "day2.csv");
await predict({ checkpoint: out, data, out: predictions, columns: ["event_id"] });
console.log(readFileSync(predictions, "utf8").split("\n").slice(0, 3).join("\n"));

// `resume` continues from the newest checkpoint, with files that it has not learned yet; yesterday's may be deleted.
const report = await train({ model, data, out, resume: true });
console.log(`${report.examples} events learned, ${report.examples_this_run} of them now`);

// Files are recognized by their content: passing the same one again is an error, and it is not learned twice.
try {
  await train({ model, data: first, out, resume: true });
} catch (error) {
  if (!(error instanceof HashbrookError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}
