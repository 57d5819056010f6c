import { join } from "node:path";
import { refuseInputs } from "../../core/output.js";
import { filesOfCache, isCacheName } from "../../event-cache/names.js";
import { openSource } from "../../sources/source.js";
import type { Job } from "../job.js";

/**
 * Looks for the files that a run reads, before it writes anything. Its file of rejected rows is rewritten, so it cannot
 * be one of them.
 * @throws HashbrookError usage; source_missing, source_unreadable; cache_missing
 */
export function refuseUnreadable({ out, data, validate, clicks }: Job): void {
  const rejected = join(out!, "rejected", "rejected.jsonl");
  const labels = [clicks, clicks?.conversions].map((given) => (given && "files" in given ? given.files : []));
  for (const files of [data, validate, ...labels]) if (files.length > 0) refuseInputs(rejected, namesOf(files));
}

/** The files that `--data` names. */
export function namesOf(data: readonly string[]): string[] {
  const files = data.filter((name) => !isCacheName(name));
  const cached = data.filter(isCacheName).flatMap(filesOfCache);
  return files.length === 0 && cached.length > 0
    ? cached
    : [...openSource(files).files.map(({ name }) => name), ...cached];
}
