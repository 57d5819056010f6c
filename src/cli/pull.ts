import { Command } from "commander";
import { pullCheckpoint } from "../checkpoints/remote/pull.js";
import { openReader } from "../object-store/open-store.js";
import { progress, STORES, tell } from "./copies.js";
import { readableStore } from "./options.js";

export function pullCommand(): Command {
  return new Command("pull")
    .description(
      "Copy the checkpoint that was pushed to an address into a run's directory, to serve it or to go on from it",
    )
    .requiredOption("--store <address>", "objects:DIR, s3://BUCKET/PREFIX or https://HOST/PATH", readableStore)
    .requiredOption("--out <dir>", "the run's directory: new, or one that an earlier pull filled")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `${STORES}

What is in the directory already is not copied again, and everything copied is checked. \`train --resume --out DIR\` goes on from it.
The events that the run had rejected come along; order.log does not: see docs/OPERATIONS.md.

Example:
  hashbrook pull --store s3://models/ads --out runs/ads && hashbrook serve --checkpoint runs/ads`,
    )
    .action(async ({ store, out, json }: { store: string; out: string; json?: true }) => {
      tell(await pullCheckpoint(openReader(store), out, { onProgress: progress() }), json);
    });
}
