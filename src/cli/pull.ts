import { Command } from "commander";
import { pullCheckpoint } from "../checkpoints/remote/pull.js";
import { openReader } from "../object-store/open-store.js";
import { progress, STORES, tell } from "./copies.js";
import { readableStore } from "./options.js";

export function pullCommand(): Command {
  return new Command("pull")
    .requiredOption("--store <address>", "objects:DIR, s3://BUCKET/PREFIX or https://HOST/PATH", readableStore)
    .requiredOption("--out <dir>", "the run's directory: a new one, or one filled by an earlier pull")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `${STORES}

What the directory already has is not copied again; everything copied is checked. \`train --resume --out DIR\` continues
from it. The run's rejected events are included, order.log is not: see docs/OPERATIONS.md.

Example:
  hashbrook pull --store s3://models/ads --out runs/ads && hashbrook serve --checkpoint runs/ads`,
    )
    .action(async ({ store, out, json }: { store: string; out: string; json?: true }) => {
      tell(await pullCheckpoint(openReader(store), out, { onProgress: progress() }), json);
    });
}
