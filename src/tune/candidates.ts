import { grouped } from "../core/digits.js";
import { HashbrookError } from "../core/errors.js";
import { hex64 } from "../core/hash.js";
import { Rng } from "../core/rng.js";
import { xxh64 } from "../kernels/hash.js";
import { sizeText } from "../schema/units.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { decodeIdentity } from "../spec/decode-identity.js";
import type { SpecDocument } from "../spec/document.js";
import { specHash } from "../spec/hash.js";
import { compileDocument } from "../spec/parse.js";
import { learnsByEvent } from "../towers/index.js";
import { fit, mostBytes } from "./fit.js";
import type { RefusedSetting } from "./options.js";
import { type Dimension, type Setting, settingText, withSetting } from "./search.js";
import { strategies as allStrategies } from "./strategies/index.js";
import type { Problem, Proposal, Strategy, TunedTable } from "./strategies/strategy.js";
import { split } from "./tables.js";

/** A spec to try. */
export interface Candidate {
  /** Unique among the candidates: "exact/admission-int8-by-repeated". */
  readonly name: string;
  readonly document: SpecDocument;
  readonly spec: CompiledSpec;
  /** Upper bound of its tables' bytes; Infinity if they may grow without limit. */
  readonly bytes: number;
}

/** What candidates are made from. */
export interface Sizing {
  /** The spec as written, and with full tables. */
  readonly document: SpecDocument;
  readonly full: SpecDocument;
  readonly spec: CompiledSpec;
  readonly tables: readonly TunedTable[];
  readonly budget: number;
  readonly seed: number;
  /** Names of strategies; undefined: all. */
  readonly strategies?: readonly string[] | undefined;
  readonly most: number;
}

const BISECTIONS = 40;

/**
 * The specs to try for a budget: the strategies' proposals, the spec as written, and the full one, if they fit.
 * @throws HashbrookError budget_too_small, naming the smallest budget that some proposal fits; usage if a strategy is unknown
 */
export function candidatesFor(sizing: Sizing): Candidate[] {
  const chosen = strategiesNamed(sizing.strategies);
  const lists = chosen.map((strategy) => proposed(strategy, sizing, sizing.budget));
  const own = [fullCandidate(sizing), writtenCandidate(sizing)].flatMap((one) => one ?? []);
  const all = distinct([...own, ...interleaved(lists, sizing.most - own.length)]);
  if (all.length > 0) return all.slice(0, sizing.most);
  const least = smallest(chosen, sizing);
  throw new HashbrookError(
    "budget_too_small",
    `no candidate's tables fit ${sizeText(sizing.budget)} (${grouped(Math.floor(sizing.budget))} bytes)`,
    {
      hint: least
        ? `the smallest budget that a candidate fits is ${grouped(least)} bytes`
        : "no budget is large enough: the spec's tower supports none of the strategies' tables",
    },
  );
}

/**
 * Specs of a search over values of the spec.
 * @param onRefused told of settings that are no valid spec, if others are
 * @throws HashbrookError spec_invalid for the first setting, if all are refused
 */
export function settingsAsCandidates(
  document: SpecDocument,
  dimensions: readonly Dimension[],
  settings: readonly Setting[],
  onRefused: (refused: RefusedSetting) => void = () => {},
): Candidate[] {
  const refused: { readonly name: string; readonly error: HashbrookError }[] = [];
  const all = settings.flatMap((setting): Candidate[] => {
    const changed = withSetting(document, dimensions, setting);
    const name = settingText(dimensions, setting);
    try {
      const spec = compileDocument(changed, name);
      changed.heading(name);
      return [{ name, document: changed, spec, bytes: mostBytes(spec) }];
    } catch (error) {
      if (!(error instanceof HashbrookError) || error.code !== "spec_invalid") throw error;
      refused.push({ name, error });
      return [];
    }
  });
  if (all.length === 0 && refused.length > 0) throw refused[0].error;
  for (const { name, error } of refused) onRefused({ name, error: error.message });
  return distinct(all);
}

/** Strategies by name; by default all that need not be asked for. @throws HashbrookError usage if one is unknown */
export function strategiesNamed(names: readonly string[] | undefined): readonly Strategy[] {
  if (!names) return allStrategies.filter(({ asked }) => !asked);
  return names.map((name) => {
    const found = allStrategies.find((strategy) => strategy.name === name);
    if (found) return found;
    throw new HashbrookError("usage", `--strategies: unknown strategy ${name}`, {
      hint: `use ${allStrategies.map((strategy) => strategy.name).join(", ")}`,
    });
  });
}

/** A strategy's proposals that fit. */
function* proposed(strategy: Strategy, sizing: Sizing, budget: number): Iterable<Candidate> {
  const { full, spec, tables } = sizing;
  const { small, tuned } = split(tables, budget);
  if (tuned.length === 0) return;
  const problem: Problem = {
    spec,
    byEvent: learnsByEvent(spec.tower.kind),
    tables: tuned,
    budget: budget - small.reduce((sum, { bytes }) => sum + bytes, 0),
    random: new Rng(seedOf(strategy.name, sizing.seed)),
  };
  const identity = decodeIdentity(spec).hash;
  for (const proposal of strategy.propose(problem)) {
    const fitted = fit(full, tables, proposal, budget);
    if (!fitted || decodeIdentity(fitted.spec).hash !== identity) continue;
    const name = `${strategy.name}/${proposal.name}`;
    fitted.document.heading(`tune: ${name}, at most ${grouped(Math.floor(fitted.bytes))} bytes of tables`);
    yield { name, ...fitted };
  }
}

const seedOf = (name: string, seed: number): number => Number(xxh64(name, BigInt(seed)) & 0xffffffffn);

/** The spec with full tables. */
function fullCandidate({ full, tables, budget }: Sizing): Candidate | null {
  const all: Proposal = { name: "full", tables: {} };
  const fitted = split(tables, budget, 1).tuned.length === 0 ? fit(full, tables, all, budget) : null;
  return fitted && { name: "full", ...fitted };
}

function writtenCandidate({ document, spec, budget }: Sizing): Candidate | null {
  const written = compileDocument(document, "as-written.yaml");
  const bytes = mostBytes(written);
  const alike = decodeIdentity(written).hash === decodeIdentity(spec).hash;
  return bytes <= budget && alike ? { name: "as-written", document: document.copy(), spec: written, bytes } : null;
}

/**
 * Takes the first of each list, then the second of each, and so on, up to `most`: if there are too many, the last of every list
 * are left out, and never generated.
 */
function interleaved(lists: readonly Iterable<Candidate>[], most: number): Candidate[] {
  const all: Candidate[] = [];
  let open = lists.map((list) => list[Symbol.iterator]());
  while (open.length > 0 && all.length < most) {
    open = open.filter((list) => {
      if (all.length >= most) return true;
      const next = list.next();
      if (!next.done) all.push(next.value);
      return !next.done;
    });
  }
  return all;
}

/** Keeps the first of equal specs. */
function distinct(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>();
  return candidates.filter(({ spec }) => {
    const hash = specHash(spec);
    return !seen.has(hash) && seen.add(hash);
  });
}

/** The smallest budget that any proposal fits; null if there is none. */
function smallest(chosen: readonly Strategy[], sizing: Sizing): number | null {
  const order = [...chosen];
  // What fitted last probably fits a little less, too, and what fits nothing takes longest.
  const fits = (budget: number) => {
    const at = order.findIndex((strategy) => !proposed(strategy, sizing, budget)[Symbol.iterator]().next().done);
    if (at > 0) order.unshift(...order.splice(at, 1));
    return at >= 0;
  };
  let low = sizing.budget;
  let high = Math.max(low, ...sizing.tables.map(({ bytes }) => bytes)) * 4;
  if (!fits(high)) return null;
  for (let i = 0; i < BISECTIONS && high - low > Math.max(1, low / 100); i++) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return Math.ceil(high);
}

/** A name made usable as a file name: anything but letters, digits and `.-_` becomes `-`. */
export function fileName(number: number, name: string): string {
  const word = name.replace(/[^\w.-]+/g, "-").slice(0, 60);
  return `${String(number).padStart(3, "0")}-${word}-${hex64(xxh64(name)).slice(0, 4)}.yaml`;
}
