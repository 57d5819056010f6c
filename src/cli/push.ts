import { Command } from "commander";
import { pushCheckpoint } from "../checkpoints/remote/push.js";
import { openStore } from "../object-store/open-store.js";
import { progress, STORES, tell } from "./copies.js";
import { writableStore } from "./options.js";

export function pushCommand(): Command {
  return new Command("push")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .requiredOption("--store <address>", "objects:DIR or s3://BUCKET/PREFIX, one for each run", writableStore)
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `${STORES}

The copy becomes visible when it is complete; a pull in the meantime gets the previous one. The trainer may keep
running. If two processes push at the same time, one of them ends with an error and changes nothing.

Example:
  hashbrook push --checkpoint runs/ads --store s3://models/ads`,
    )
    .action(async ({ checkpoint, store, json }: { checkpoint: string; store: string; json?: true }) => {
      tell(await pushCheckpoint(checkpoint, openStore(store), { onProgress: progress() }), json);
    });
}
