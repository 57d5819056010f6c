import { Command } from "commander";
import { Scorer } from "../serve/scorer.js";
import { createServer } from "../serve/server.js";
import { port } from "./options.js";
import { stopSignal } from "./signals.js";

interface Flags {
  checkpoint: string;
  port: number;
  host: string;
  log?: true;
}

export function serveCommand(): Command {
  return new Command("serve")
    .description("Answer score requests over HTTP from a checkpoint")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .option("--port <n>", "port to listen on; 0 picks a free one", port, 8080)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--log", "log every request as a JSON line")
    .addHelpText(
      "after",
      `
POST /v1/score          {"context": {...}, "candidates": [{...}, ...]} -> {"scores": [...], "model", "version", "spec_hash"}
GET  /v2/health/ready   200 when the model is loaded
Members are the model's source columns (JSON models: the events' own nesting); a candidate's members win over the context's.`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  await serve(flags, signal);
  release();
}

/** Serves until `signal` aborts, then finishes the requests at hand. */
export async function serve(
  flags: Flags,
  signal: AbortSignal,
  onReady: (url: string) => void = () => {},
): Promise<void> {
  const scorer = await Scorer.load(flags.checkpoint);
  const app = createServer(scorer, { log: flags.log ?? false });
  const url = await app.listen({ port: flags.port, host: flags.host });
  const { model, version, spec_hash } = scorer.version;
  process.stdout.write(`${JSON.stringify({ listening: url, model, version, spec_hash })}\n`);
  onReady(url);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  await app.close();
  await scorer.close();
}
