import { batchLayout } from "../../src/core/batch.js";
import { HashbrookError } from "../../src/core/errors.js";
import { createTable } from "../../src/encodings/create.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";
import type { Dataset } from "./datasets.js";
import type { Entry, Layout, MeasuredTable } from "./encodings.js";

/** Sizes this close below the budget are accepted. */
const CLOSE = 0.98;
const TRIES = 12;

/** The source of a data set's spec with id tables in an encoding. */
export function sourceOf(dataset: Dataset, { tables, of }: Layout): Dataset["spec"] & { readonly name: string } {
  const { fields, tables: others, ...rest } = dataset.spec;
  const embedded = dataset.ids.flatMap((table) => table.fields.map((field) => ({ ...field, table: of[table.name] })));
  return { name: dataset.name, ...rest, fields: [...embedded, ...fields], tables: { ...tables, ...others } };
}

export function specOf(dataset: Dataset, layout: Layout): CompiledSpec {
  return parseSpec(JSON.stringify(sourceOf(dataset, layout)), `${dataset.name}.yaml`);
}

/** Names of the id tables, whose bytes count. */
export function compressed({ of }: Layout): ReadonlySet<string> {
  return new Set(Object.values(of));
}

/**
 * An encoding's layout at the largest size whose tables take at most `budget` bytes before learning.
 * @returns null if even the smallest does not fit, or the encoding is not measured at this size
 */
export async function fit(
  entry: Entry,
  dataset: Dataset,
  ids: readonly MeasuredTable[],
  budget: number,
): Promise<Layout | null> {
  if (entry.unbounded) return entry.layout(1, ids);
  if (entry.most && budget > entry.most.bytes) return null;
  const full = ids.reduce((sum, { bytes }) => sum + bytes, 0);
  let best: { layout: Layout; bytes: number } | null = null;
  let [scale, low, high] = [budget / full, 0, Number.POSITIVE_INFINITY];
  for (let i = 0; i < TRIES && !(best && best.bytes > CLOSE * budget); i++) {
    const layout = entry.layout(scale, ids);
    const bytes = await bytesAtStart(dataset, layout);
    if (bytes <= budget) {
      low = scale;
      if (!best || bytes > best.bytes) best = { layout, bytes };
    } else high = scale;
    scale = next(scale * Math.min(4, Math.max(0.25, (0.99 * budget) / bytes)), low, high);
  }
  return best?.layout ?? null;
}

/** A guess, or the geometric mean of the bounds if it is not between them. */
function next(guess: number, low: number, high: number): number {
  if (guess > low && guess < high) return guess;
  return high === Number.POSITIVE_INFINITY ? low * 2 : Math.sqrt(Math.max(low, high / 256) * high);
}

/** Infinity if the spec is refused, for example because its budget cannot hold a single row. */
async function bytesAtStart(dataset: Dataset, layout: Layout): Promise<number> {
  const names = compressed(layout);
  let bytes = 0;
  try {
    const spec = specOf(dataset, layout);
    for (const [t, { name }] of spec.tables.entries()) {
      if (!names.has(name)) continue;
      const table = await createTable(spec, t, batchLayout(spec, spec.batch));
      bytes += table.stats().bytes;
      await table.close();
    }
    return bytes;
  } catch (error) {
    if (error instanceof HashbrookError && error.code === "spec_invalid") return Number.POSITIVE_INFINITY;
    throw error;
  }
}
