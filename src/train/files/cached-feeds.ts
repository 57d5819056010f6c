import { HashbrookError } from "../../core/errors.js";
import { CacheFeed, type CacheFeedOptions } from "../../event-cache/feed.js";
import { type CachedInput, cachedInputs as inputsOf } from "../../event-cache/inputs.js";
import { ColumnMemory } from "../../kernels/column.js";
import type { FileFeed } from "../feed.js";
import type { Job } from "../job.js";

/** Memory for rooms that the `column` kernel writes into. */
export const columnMemory = (): ColumnMemory => new ColumnMemory({ shared: true });

/** The batches of cached files. */
export const cacheFeed = (inputs: readonly CachedInput[], options: CacheFeedOptions): FileFeed =>
  new CacheFeed(inputs, options);

/**
 * The files of `cache:DIR` arguments; null if the data are not caches.
 * @throws as in event-cache; usage if labels come from clicks; cache_mismatch if predict needs rows that the cache
 *   lacks
 */
export function cachedInputs(
  data: readonly string[],
  { kind, clicks }: Pick<Job, "kind" | "clicks">,
): CachedInput[] | null {
  const inputs = inputsOf(data);
  if (inputs && clicks)
    throw new HashbrookError("usage", `${data[0]}: a cache cannot hold events whose labels come from --clicks`, {
      hint: "pass the files of impressions themselves",
    });
  if (kind === "predict") for (const { cache } of inputs ?? []) cache.refuseUnlabelled();
  return inputs;
}
