import { Command } from "commander";
import { systemClock } from "../core/clock.js";
import { bytes, grouped } from "../core/digits.js";
import { type CacheReport, cacheEvents } from "../event-cache/cache-events.js";
import { count, counted } from "./progress.js";
import { stopSignal, tellUnchanged } from "./signals.js";

interface Flags {
  model: string;
  data: string[];
  out: string;
  texts?: string[];
  json?: true;
}

/** Milliseconds between two lines of progress. */
const PROGRESS_MS = 2000;

export function cacheCommand(): Command {
  return new Command("cache")
    .requiredOption("--model <spec>", "model spec, a YAML file (see features/README.md): how to decode the events")
    .requiredOption(
      "--data <file...>",
      'files in order (patterns, .gz, .zst), "-" for stdin, or simulate:ROWS[:SEED[:FORMAT]]',
    )
    .requiredOption("--out <dir>", "directory of the cache; left unchanged if it already holds the same cache")
    .option(
      "--texts <column...>",
      "also store the text of these columns or JSON paths, for eval --by and predict --columns",
    )
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Training from the cache produces the same bytes as training from the files. A cache serves every spec that decodes
events the same way: encodings, dims, rows, towers, optimizers and rates may differ; fields, table names, salts, label
and seed must be the same. Rejected events are stored too, with their code and position.

Examples:
  hashbrook cache --model features/ads-demo.yaml --data simulate:200000:7 --out caches/ads
  hashbrook train --model features/ads-demo.yaml --data cache:caches/ads --out runs/ads --epochs 3 --validate-last 20%`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  const started = systemClock.now();
  let reportedAt = started;
  try {
    const report = await cacheEvents({
      ...flags,
      signal,
      onProgress({ rows, bytes: size, bytesRead, totalBytes }) {
        if (systemClock.now() - reportedAt < PROGRESS_MS) return;
        reportedAt = systemClock.now();
        const done = totalBytes ? `${Math.floor((100 * bytesRead) / totalBytes)} % · ` : "";
        process.stderr.write(`${done}${count(rows)} events · ${bytes(size)}\n`);
      },
    });
    if (!report) return tellUnchanged(signal, flags.out);
    const seconds = (systemClock.now() - started) / 1000;
    process.stdout.write(flags.json ? `${JSON.stringify({ ...report, seconds })}\n` : `${cacheText(report)}\n`);
  } finally {
    release();
  }
}

function cacheText({ directory, rows, rejected, bytes: size, content, ratio, made, data }: CacheReport): string {
  const share = ratio === null || rows === 0 ? "" : `, ${(100 * ratio).toFixed(1)} % of the data's ${bytes(content)}`;
  const refused = rejected > 0 ? ` and ${counted(rejected, "rejected event", grouped(rejected))}` : "";
  const what = `${counted(rows, "event", grouped(rows))}${refused} in ${bytes(size)}${share}`;
  const there = made === null ? `${directory}: already complete and up to date: ${what}` : `${directory}: ${what}`;
  return `${there}\n  read it with --data ${data}`;
}
