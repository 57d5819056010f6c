import { execFileSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { madeOnce } from "./made-once.js";
import { DATA } from "./run.js";

/**
 * The Globo click stream's first `clicks` clicks as events (five per click), created once under the temporary folder.
 * @returns its path, or null (after a message) if the data are missing
 */
export function globo(clicks: number, format: "tsv" | "json" = "tsv"): string | null {
  const tool = join(DATA, "tools/globo-ctr.mjs");
  if (!existsSync(tool) || !existsSync(join(DATA, "globo-clicks/clicks_dev.csv.gz"))) {
    console.error("skipped: no Globo data under ../shared/data");
    return null;
  }
  return madeOnce(join(tmpdir(), "hashbrook-bench", `globo-${clicks}.${format}`), (part) => {
    const file = openSync(part, "w");
    execFileSync(process.execPath, [tool, "--clicks", String(clicks), "--format", format], {
      stdio: ["ignore", file, "inherit"],
    });
    closeSync(file);
  });
}
