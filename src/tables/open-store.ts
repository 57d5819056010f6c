import { CachedStore } from "./cached-store.js";
import { ExactStore } from "./exact-store.js";
import { HashStore } from "./hash-store.js";
import type { RowStore, StoreOptions } from "./row-store.js";
import type { StoreSpec } from "./spec.js";

/**
 * Opens a store with all rows in memory or, given a keeper, only those in use.
 * @throws HashbrookError table_full when its first rows do not fit
 */
export function openStore(spec: StoreSpec, { keeper, ...options }: StoreOptions): RowStore {
  if (keeper) return new CachedStore(spec, { ...options, keeper });
  return spec.encoding === "exact" ? new ExactStore(spec, options) : new HashStore(spec, options);
}
