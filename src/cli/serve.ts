import { Command, Option } from "commander";
import { HashbrookError } from "../core/errors.js";
import { openFollow } from "../delta-log/open.js";
import { ServeMetrics } from "../serve/prometheus.js";
import { Scorer } from "../serve/scorer.js";
import { createServer } from "../serve/server.js";
import { type ServingPrecision, servingPrecisions } from "../tables/table.js";
import { listening } from "./listen.js";
import { deltaLog, host, KAFKA_ENVIRONMENT, notNegative, port } from "./options.js";
import { stopSignal } from "./signals.js";
import { tellPassedOver } from "./summary.js";

interface Flags {
  checkpoint?: string;
  follow?: string;
  maxStaleness?: number;
  precision?: ServingPrecision;
  port: number;
  host: string;
  log?: true;
}

/** A trainer that lives sends something every ten seconds; one that is restarted is back long before. */
const MAX_STALENESS = 300;

export function serveCommand(): Command {
  return new Command("serve")
    .description("Answer score requests over HTTP, from a checkpoint or following a trainer's delta log")
    .option("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .option("--follow <log>", "a delta log: a directory or kafka://HOST:PORT[,HOST:PORT…]/TOPIC", deltaLog)
    .option(
      "--max-staleness <seconds>",
      `with --follow: not ready once nothing came for so long; 0 = never (default: ${MAX_STALENESS})`,
      notNegative,
    )
    .addOption(
      new Option("--precision <p>", "hold the rows' weights alone, so; scores then differ by their rounding").choices([
        ...servingPrecisions,
      ]),
    )
    .option("--port <n>", "port to listen on; 0 picks a free one", port, 8080)
    .option("--host <address>", "address to listen on", host, "127.0.0.1")
    .option("--log", "log every request as a JSON line")
    .addHelpText(
      "after",
      `
POST /v1/models/NAME:score   {"context": {...}, "candidates": [{...}, ...]} -> {"scores": [...], "model", "version", "spec_hash"}
POST /v1/score               the same, for the only model
GET  /v2/health/ready        200 when the model is loaded (and fresh enough), else 503
GET  /metrics                Prometheus text
GET  /docs, /openapi.json    every endpoint
Members are the model's source columns (JSON models: the events' own nesting); a candidate's members are
added to the context's at every depth and win over them. "ignored" names the members that no field reads.

${KAFKA_ENVIRONMENT}`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  try {
    await serve(flags, signal);
  } finally {
    release();
  }
}

/** Serves until `signal` aborts, then finishes the requests at hand. */
export async function serve(
  flags: Flags,
  signal: AbortSignal,
  onReady: (url: string) => void = () => {},
): Promise<void> {
  const metrics = new ServeMetrics();
  const scorer = await open(flags, metrics);
  const { passedOver } = scorer.health();
  tellPassedOver(passedOver);
  const app = createServer(scorer, { log: flags.log ?? false, metrics });
  try {
    const url = await listening(() => app.listen({ port: flags.port, host: flags.host }), "--port");
    const damage = passedOver.length > 0 && { passed_over: passedOver };
    process.stdout.write(`${JSON.stringify({ listening: url, ...scorer.version, ...damage })}\n`);
    onReady(url);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  } finally {
    await app.close();
    await scorer.close();
  }
}

async function open({ checkpoint, follow, maxStaleness, precision }: Flags, metrics: ServeMetrics): Promise<Scorer> {
  if ((checkpoint === undefined) === (follow === undefined)) {
    throw new HashbrookError("usage", "serve: give exactly one of --checkpoint and --follow");
  }
  if (checkpoint === undefined) {
    const bound = (maxStaleness ?? MAX_STALENESS) || undefined;
    const onVisible = (ages: readonly number[]) => metrics.visible(ages);
    return Scorer.follow(openFollow(follow!), { maxStaleness: bound, precision, onVisible });
  }
  if (maxStaleness === undefined) return Scorer.load(checkpoint, { precision });
  throw new HashbrookError("usage", "serve: --max-staleness is for --follow");
}
