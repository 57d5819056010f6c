import { existsSync } from "node:fs";
import { join } from "node:path";
import { refuseInputs } from "../../core/output.js";
import { filesOfCache, isCacheName } from "../../event-cache/names.js";
import { openSource } from "../../sources/source.js";
import type { Job } from "../job.js";

/** A run's file of rejected rows is rewritten, so it cannot be its input. @throws HashbrookError usage */
export function refuseRejected({ out, data }: Job): void {
  const rejected = join(out!, "rejected", "rejected.jsonl");
  if (existsSync(rejected) && data.length > 0) refuseInputs(rejected, namesOf(data));
}

/** The files that `--data` names. */
export function namesOf(data: readonly string[]): string[] {
  const files = data.filter((name) => !isCacheName(name));
  const cached = data.filter(isCacheName).flatMap(filesOfCache);
  return files.length === 0 && cached.length > 0
    ? cached
    : [...openSource(files).files.map(({ name }) => name), ...cached];
}
