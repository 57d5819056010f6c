import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { shippedSpecs } from "../core/built-file.js";
import { systemClock } from "../core/clock.js";
import { grouped } from "../core/digits.js";
import { HashbrookError } from "../core/errors.js";
import { nodeFiles } from "../core/files.js";
import { simulate } from "../sources/simulator/run.js";
import { train } from "../train/train.js";
import { listening } from "./listen.js";
import { counting, host, port, seed } from "./options.js";
import { progressReporter } from "./progress.js";
import { serve } from "./serve.js";
import { stopSignal, tellStopped } from "./signals.js";
import { printReport } from "./summary.js";

interface Flags {
  rows: number;
  seed: number;
  out: string;
  port: number;
  host: string;
}

const spec = fileURLToPath(new URL("../../features/ads-demo.yaml", import.meta.url));

const LEGEND = `  NE (normalized entropy): logloss ÷ that of always predicting the click rate; below 1 is better than that.
  calibration: predicted ÷ actual clicks; 1 is ideal. oracle: the true probabilities, an upper bound.
`;

export function demoCommand(): Command {
  return new Command("demo")
    .option("--rows <n>", "impressions to learn from", counting, 1_000_000)
    .option("--seed <n>", "seed of the simulator", seed, 7)
    .option("--out <dir>", "directory of the run; an earlier demo in it is replaced", "runs/demo")
    .option("--port <n>", "port to serve on", port, 8080)
    .option("--host <address>", "address to serve on", host, "127.0.0.1")
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  await checkPort(flags);
  const shown = `${shippedSpecs()}ads-demo.yaml`;
  process.stderr.write(`Learning from ${grouped(flags.rows)} simulated ad impressions (Deep Crossing, ${shown})\n`);
  removeEarlier(flags.out);
  const progress = progressReporter(process.stderr, { now: () => systemClock.now(), json: false });
  const data = `simulate:${flags.rows}:${flags.seed}`;
  const report = await train({ model: spec, data, out: flags.out, signal, onProgress: progress.show });
  progress.end();
  printReport(report, false);
  process.stdout.write(LEGEND);
  if (signal.aborted) return tellStopped(signal, "anything was served");
  const body = await exampleRequest(flags.seed);
  const checkpoint = [{ name: undefined, source: flags.out }];
  // The data are simulated, so no token is needed.
  await serve({ checkpoint, port: flags.port, host: flags.host, insecure: true }, signal, (url) => {
    process.stderr.write(
      `\nScores are served until Ctrl-C. Try:\n\n  curl -s ${url}/v1/score -H 'content-type: application/json' -d '${body}'\n\n`,
    );
  });
  release();
}

/** Training would be useless if its scores could not be served. @throws HashbrookError usage */
async function checkPort({ port, host }: Flags): Promise<void> {
  const server = createServer();
  const listen = () =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  await listening(listen, "--port");
  await new Promise((resolve) => server.close(resolve));
}

/** Removes an earlier demo's run. @throws HashbrookError output_exists if the folder holds anything else */
function removeEarlier(out: string): void {
  const other = nodeFiles.list(out).find((name) => !/^(checkpoint-\d+|rejected$|writer-.*\.lock$)/.test(name));
  if (other === undefined) {
    rmSync(out, { recursive: true, force: true });
    return;
  }
  throw new HashbrookError("output_exists", `--out ${out}: contains ${other}, which is not part of a demo's run`, {
    hint: "give a directory for the demo alone: it is deleted and created again",
  });
}

/** Members that belong to the ad; the others describe the visit. */
const AD = [
  "ad",
  "campaign",
  "advertiser",
  "ad_category",
  "creative_size",
  "bid_bucket",
  "price",
  "ctr_hint",
  "user_ad_views",
];
/** Members that are unknown at request time. */
const OUTCOME = ["label", "oracle", "event_id", "ts_ms"];

/** A request made from the stream's own first impressions: one visit, three ads. */
async function exampleRequest(seed: number): Promise<string> {
  let text = "";
  const write = (bytes: Uint8Array) => {
    text += Buffer.from(bytes).toString();
  };
  await simulate({ rows: 3, seed, format: "json", write });
  const rows = text
    .trim()
    .split("\n")
    .map((line) => Object.entries(JSON.parse(line) as Record<string, unknown>));
  const pick = (row: [string, unknown][], ofAd: boolean) =>
    Object.fromEntries(row.filter(([name]) => AD.includes(name) === ofAd && !OUTCOME.includes(name)));
  return JSON.stringify({ context: pick(rows[0], false), candidates: rows.map((row) => pick(row, true)) });
}
