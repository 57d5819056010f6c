import type { TunedTable } from "./strategies/strategy.js";

/** How a budget is divided among tables: for each, the bytes of its most valuable ids' rows in the full table. */
export type Shares = Readonly<Record<string, number>>;

/** In proportion to the full tables: every table loses the same fraction. */
export function byIds(tables: readonly TunedTable[]): Shares {
  return Object.fromEntries(tables.map(({ name, bytes }) => [name, bytes]));
}

/** In proportion to ids that recur: an id that occurred once tells nothing about later events. */
export function byRepeated(tables: readonly TunedTable[]): Shares {
  return Object.fromEntries(
    tables.map(({ name, bytes, ids, repeated }) => [name, (bytes * Math.max(1, repeated)) / Math.max(1, ids)]),
  );
}

/** Rows go to the most frequent ids, whichever table they are in. */
export function byOccurrences(tables: readonly TunedTable[], bytes: number): Shares {
  return byWorth(tables, bytes, () => 1);
}

/** Rows go to the ids whose occurrences tell most about the label, whichever table they are in. */
export function byInformation(tables: readonly TunedTable[], bytes: number): Shares {
  const least = Math.max(...tables.map(({ information }) => information)) / 100 || 1;
  return byWorth(tables, bytes, ({ information }) => Math.max(information, least));
}

const STEPS = 60;

/** Rows go to ids by occurrences times their value in their table, from the top until the bytes are used up. */
function byWorth(tables: readonly TunedTable[], bytes: number, worth: (table: TunedTable) => number): Shares {
  const taken = (least: number) => tables.map((table) => coveredBytes(table, least / worth(table)));
  const sum = (parts: readonly number[]) => parts.reduce((all, part) => all + part, 0);
  let low = 1e-9;
  let high = 1e12;
  for (let i = 0; i < STEPS; i++) {
    const middle = Math.sqrt(low * high);
    if (sum(taken(middle)) > bytes) low = middle;
    else high = middle;
  }
  // Ids of equal worth, at the threshold, share the rest.
  const fewer = taken(high);
  const more = taken(low);
  const edge = sum(more) - sum(fewer);
  const part = edge > 0 ? Math.min(1, Math.max(0, bytes - sum(fewer)) / edge) : 0;
  return Object.fromEntries(
    tables.map(({ name, bytes }, t) => [name, Math.max(bytes / 1000, fewer[t] + part * (more[t] - fewer[t]))]),
  );
}

/** Bytes of the full table's rows of ids that occurred at least so often. */
function coveredBytes({ bytes, ids, occurrences }: TunedTable, least: number): number {
  let covered = 0;
  for (const [n, count] of occurrences) if (n >= least) covered += count;
  return (bytes / Math.max(1, ids)) * covered;
}

/** A table's part in a division. */
export interface Part {
  readonly weight: number;
  /** Bytes it needs at least. */
  readonly least?: number | undefined;
  /** Bytes beyond which more are useless. */
  readonly most?: number | undefined;
}

/** Divides `budget` bytes by weights, within each one's bounds. null if not all get what they need. */
export function sharedOut(budget: number, parts: Readonly<Record<string, Part>>): Record<string, number> | null {
  const open = new Set(Object.keys(parts));
  const shares = new Map<string, number>();
  let left = budget;
  // First those that need more than their part, then those that can use less: each changes the rest for the others.
  for (const bound of ["least", "most"] as const) {
    for (let bounded = true; bounded; ) {
      bounded = false;
      const each = left / [...open].reduce((sum, name) => sum + parts[name].weight, 0);
      for (const name of open) {
        const { weight, [bound]: limit } = parts[name];
        if (limit === undefined || (bound === "least" ? weight * each >= limit : weight * each <= limit)) continue;
        shares.set(name, limit);
        left -= limit;
        open.delete(name);
        bounded = true;
      }
    }
  }
  if (left < 0) return null;
  const each = left / [...open].reduce((sum, name) => sum + parts[name].weight, 0);
  for (const name of open) shares.set(name, parts[name].weight * each);
  return Object.fromEntries([...shares].map(([name, bytes]) => [name, Math.floor(bytes)]));
}
