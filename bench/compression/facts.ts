import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Batch } from "../../src/core/batch.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";
import type { Dataset, Pass } from "./datasets.js";
import { batchesOf } from "./events.js";

/** Kinds of rows by their id: among the fifth of ids most frequent in training; another one; unseen. */
export const GROUPS = ["head", "tail", "unseen"] as const;
const UNSEEN = 2;
/** Share of the ids that are head. */
const HEAD = 0.2;

/** What every run needs to know about a pass's scored rows, for any encoding. */
export interface Facts {
  /** 0 or 1 for every scored row. */
  readonly labels: Uint8Array;
  /** For every field of `Dataset.groups`: the index in GROUPS of every scored row. */
  readonly groups: readonly Uint8Array[];
}

/** Reads a data set once for each pass and stores its facts in a folder. */
export async function writeFacts(dataset: Dataset, folder: string): Promise<void> {
  for (const [i, pass] of dataset.passes.entries()) {
    const { labels, groups } = await factsOf(dataset, pass);
    writeFileSync(join(folder, `labels-${i}`), labels);
    for (const [g, kinds] of groups.entries()) writeFileSync(join(folder, `groups-${i}-${g}`), kinds);
  }
}

export function readFacts(dataset: Dataset, pass: number, folder: string): Facts {
  const read = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
  return { labels: read(`labels-${pass}`), groups: dataset.groups.map((_, g) => read(`groups-${pass}-${g}`)) };
}

async function factsOf(dataset: Dataset, { learn, score }: Pass): Promise<Facts> {
  const spec = fieldsAlone(dataset);
  const learned = await occurrences(spec, learn);
  const scored = score === null ? learned : await occurrences(spec, score);
  const groups = learned.keys.map((keys, g) => kinds(keys, scored.keys[g], score === null));
  return { labels: scored.labels, groups };
}

/** A spec of only the grouping fields, each in its own table, for the decoder. */
function fieldsAlone({ spec, groups }: Dataset): CompiledSpec {
  const fields = groups.map((name) => ({ name, type: "categorical", table: name }));
  const tables = Object.fromEntries(groups.map((name) => [name, { dim: 1 }]));
  const { events, label } = spec;
  const text = JSON.stringify({ name: "facts", events, label, fields, tables, tower: "deep_crossing" });
  return parseSpec(text, "facts");
}

interface Occurrences {
  readonly labels: Uint8Array;
  readonly keys: readonly BigUint64Array[];
}

async function occurrences(spec: CompiledSpec, path: string): Promise<Occurrences> {
  const labels: Float32Array[] = [];
  const keys: BigUint64Array[][] = spec.tables.map(() => []);
  const note = (batch: Batch) => {
    labels.push(batch.labels.slice());
    for (const [t, list] of keys.entries()) list.push(batch.keys(t).slice());
  };
  for await (const batch of batchesOf(spec, path)) note(batch);
  return { labels: Uint8Array.from(labels.flatMap((part) => [...part])), keys: keys.map(joined) };
}

function joined(parts: readonly BigUint64Array[]): BigUint64Array {
  const all = new BigUint64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param same true: the scored rows are the learned ones, each before it is learned, so an id's first occurrence is unseen */
function kinds(learned: BigUint64Array, scored: BigUint64Array, same: boolean): Uint8Array {
  const counts = new Map<bigint, number>();
  for (const key of learned) counts.set(key, (counts.get(key) ?? 0) + 1);
  const ranked = [...counts].sort(([, a], [, b]) => b - a);
  const head = new Set(ranked.slice(0, Math.ceil(ranked.length * HEAD)).map(([key]) => key));
  const seen = same ? new Set<bigint>() : counts;
  return Uint8Array.from(scored, (key) => {
    const kind = seen.has(key) ? (head.has(key) ? 0 : 1) : UNSEEN;
    if (seen instanceof Set) seen.add(key);
    return kind;
  });
}
