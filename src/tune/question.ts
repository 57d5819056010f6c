import { readFileSync } from "node:fs";
import { shippedSpecs } from "../core/built-file.js";
import { HashbrookError } from "../core/errors.js";
import { canonicalJson } from "../core/hash.js";
import { isCacheName } from "../event-cache/names.js";
import { parseBytes, parseSeconds } from "../schema/units.js";
import { fingerprint } from "../sources/files/fingerprint.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { dataOf } from "../train/files/file-feeds.js";
import type { Ledger } from "./ledger.js";

/** All of them. */
export const metrics = ["auc", "logloss"] as const satisfies readonly Metric[];
/** The metric that ranks candidates. */
export type Metric = "auc" | "logloss";

/** What was asked, as stored in the ledger: the same question has the same answer. */
export interface Question {
  /** The spec's path and text. */
  readonly model: string;
  readonly spec: string;
  readonly data: readonly string[];
  /** Fingerprints of the files, as in checkpoints. */
  readonly fingerprints: readonly string[];
  /** Bytes, or a share of the full tables' size such as "10%"; null: unlimited. */
  readonly budget: string | null;
  readonly limit: number | null;
  readonly set: readonly string[];
  readonly random: number | null;
  readonly rates: boolean;
  readonly strategies: readonly string[] | null;
  readonly candidates: number;
  readonly metric: Metric;
  /** All candidates learn all events. */
  readonly exhaustive: boolean;
  readonly seed: number;
}

/** The text of a spec file. @throws HashbrookError source_missing */
export function specText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new HashbrookError(
      missing ? "source_missing" : "source_unreadable",
      missing ? `${path}: no such file` : `${path}: ${(cause as Error).message}`,
      { hint: `the shipped specs are in ${shippedSpecs()}`, cause },
    );
  }
}

/**
 * Fingerprints of the data: files, or a cache of them. @throws HashbrookError usage for what can be read only once;
 * source_missing; source_unreadable
 */
export async function fingerprintsOf(data: readonly string[]): Promise<string[]> {
  const topic = data.find((name) => /^kafka:/i.test(name));
  if (topic !== undefined) throw filesOnly(topic);
  const cached = data.some(isCacheName);
  const inputs = await dataOf({ kind: "train", data, epochs: 1, clicks: null });
  const once = inputs.find(({ repeatable }) => !repeatable && !cached);
  if (once)
    throw new HashbrookError(
      "usage",
      `${once.name}: tune reads the data several times, but a pipe can be read only once`,
      {
        hint: "write it to a file first",
      },
    );
  const prints: string[] = [];
  for (const input of inputs) prints.push(await fingerprint(input));
  return prints;
}

/** The error for a topic. */
export function filesOnly(what: string): HashbrookError {
  return new HashbrookError("usage", `${what}: tune reads files only, since every candidate needs the same events`, {
    hint: "write part of the topic to a file, tune on that, and train the ready spec from the topic",
  });
}

/** The error for a spec whose labels come from clicks: candidates are trained on labelled events. */
export function labelledOnly({ name }: CompiledSpec): HashbrookError {
  return new HashbrookError(
    "usage",
    `${name}: tune needs events with labels, but those of this spec come from clicks`,
    {
      hint: "remove `join` from a copy of the spec, and pass labelled events, such as those of completed days",
    },
  );
}

/** A budget as given: bytes, or a share of the full tables' bytes. @throws HashbrookError usage */
export function budgetBytes(text: string, full: number): number {
  const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  const bytes = share ? Math.floor((full * Number(share[1])) / 100) : parseBytes(text.trim());
  if (bytes !== undefined && bytes > 0) return bytes;
  if (share && full === 0)
    throw new HashbrookError("usage", `--budget ${text}: the model has no tables to make smaller`);
  throw new HashbrookError("usage", `--budget ${text}: not a number of bytes above 0`, {
    hint: "e.g. 200MB, 1.5GiB, 50_000_000, or 10% of the full tables",
  });
}

/** A time as given, in seconds. @throws HashbrookError usage */
export function timeSeconds(text: string): number {
  const seconds = parseSeconds(text.trim());
  if (seconds !== undefined) return seconds;
  throw new HashbrookError("usage", `--time ${text}: not a duration`, { hint: "e.g. 30m, 2h, 90s" });
}

/** @throws HashbrookError ledger_mismatch if a ledger is for another question */
export function checkQuestion(ledger: Ledger, question: Question): void {
  const [first] = ledger.rows;
  if (!first) return;
  const before = first.question as Readonly<Record<string, unknown>>;
  const now = question as unknown as Readonly<Record<string, unknown>>;
  const differing = Object.keys({ ...before, ...now }).filter(
    (key) => canonicalJson(before[key] ?? null) !== canonicalJson(now[key] ?? null),
  );
  if (differing.length === 0) return;
  const told = differing.map((key) => differenceOf(key, before[key], now[key]));
  throw new HashbrookError(
    "ledger_mismatch",
    `${ledger.path}: was written for different settings: ${told.join("; ")}`,
    {
      hint: "use the same settings, or another --out; the ledger is unchanged",
    },
  );
}

function differenceOf(key: string, before: unknown, now: unknown): string {
  if (key === "fingerprints") return "the data's beginning has changed";
  if (key === "spec") return "the spec's text has changed";
  return `${key} was ${JSON.stringify(before ?? null)}, now ${JSON.stringify(now ?? null)}`;
}
