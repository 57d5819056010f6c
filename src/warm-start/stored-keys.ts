import type { RowStore } from "../tables/row-store.js";

/** The keys of exact stores, in row order. */
export function storedKeys(stores: readonly RowStore[]): BigUint64Array {
  const keys = new BigUint64Array(stores.reduce((sum, { rows }) => sum + rows, 0));
  let at = 0;
  for (const store of stores) {
    for (const chunk of store.exportRows()) {
      keys.set(chunk.keys, at);
      at += chunk.keys.length;
    }
  }
  return keys;
}
