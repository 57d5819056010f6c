import type { TunedTable } from "./strategies/strategy.js";

/** How the bytes of a budget are shared out among tables: bytes of the full table that a table's ids of most worth take. */
export type Shares = Readonly<Record<string, number>>;

/** In proportion to the full tables: every table loses as large a part. */
export function byIds(tables: readonly TunedTable[]): Shares {
  return Object.fromEntries(tables.map(({ name, bytes }) => [name, bytes]));
}

/** In proportion to ids that come again: an id that came once has nothing to tell the next event. */
export function byRepeated(tables: readonly TunedTable[]): Shares {
  return Object.fromEntries(
    tables.map(({ name, bytes, ids, repeated }) => [name, (bytes * Math.max(1, repeated)) / Math.max(1, ids)]),
  );
}

/** A row goes to the ids that come most often, whichever table they are in. */
export function byOccurrences(tables: readonly TunedTable[], bytes: number): Shares {
  return byWorth(tables, bytes, () => 1);
}

/** A row goes to the ids whose occurrences tell most about the label, whichever table they are in. */
export function byInformation(tables: readonly TunedTable[], bytes: number): Shares {
  const least = Math.max(...tables.map(({ information }) => information)) / 100 || 1;
  return byWorth(tables, bytes, ({ information }) => Math.max(information, least));
}

const STEPS = 60;

/** Rows go to ids by occurrences times what one is worth in their table, from the top until the bytes are gone. */
function byWorth(tables: readonly TunedTable[], bytes: number, worth: (table: TunedTable) => number): Shares {
  const taken = (least: number) => tables.map((table) => coveredBytes(table, least / worth(table)));
  const sum = (parts: readonly number[]) => parts.reduce((all, part) => all + part, 0);
  let [low, high] = [1e-9, 1e12];
  for (let i = 0; i < STEPS; i++) {
    const middle = Math.sqrt(low * high);
    if (sum(taken(middle)) > bytes) low = middle;
    else high = middle;
  }
  // Ids of the same worth, at the edge, have a part of the rest.
  const [fewer, more] = [taken(high), taken(low)];
  const edge = sum(more) - sum(fewer);
  const part = edge > 0 ? Math.min(1, Math.max(0, bytes - sum(fewer)) / edge) : 0;
  return Object.fromEntries(
    tables.map(({ name, bytes }, t) => [name, Math.max(bytes / 1000, fewer[t] + part * (more[t] - fewer[t]))]),
  );
}

/** Bytes of the full table's rows of ids that came at least so often. */
function coveredBytes({ bytes, ids, occurrences }: TunedTable, least: number): number {
  let covered = 0;
  for (const [n, count] of occurrences) if (n >= least) covered += count;
  return (bytes / Math.max(1, ids)) * covered;
}

/** A table's part in a sharing out. */
export interface Part {
  readonly weight: number;
  /** Bytes it cannot do without. */
  readonly least?: number | undefined;
  /** Bytes beyond which more are of no use. */
  readonly most?: number | undefined;
}

/** Shares out `budget` bytes by weights, within what each one needs and has a use for. null where not all get what they need. */
export function sharedOut(budget: number, parts: Readonly<Record<string, Part>>): Record<string, number> | null {
  const open = new Set(Object.keys(parts));
  const shares: Record<string, number> = {};
  let left = budget;
  // Those that need more than their part come first, and then those that have a use for less: each leaves the others another rest.
  for (const bound of ["least", "most"] as const) {
    for (let bounded = true; bounded; ) {
      bounded = false;
      const each = left / [...open].reduce((sum, name) => sum + parts[name].weight, 0);
      for (const name of open) {
        const { weight, [bound]: limit } = parts[name];
        if (limit === undefined || (bound === "least" ? weight * each >= limit : weight * each <= limit)) continue;
        shares[name] = limit;
        left -= limit;
        open.delete(name);
        bounded = true;
      }
    }
  }
  if (left < 0) return null;
  const each = left / [...open].reduce((sum, name) => sum + parts[name].weight, 0);
  for (const name of open) shares[name] = parts[name].weight * each;
  return Object.fromEntries(Object.entries(shares).map(([name, bytes]) => [name, Math.floor(bytes)]));
}
