import { HashbrookError } from "../core/errors.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { rawElements, rawMembers } from "./requests/raw-json.js";
import { tooMany } from "./requests/request.js";
import type { Explanation } from "./schemas.js";
import { MAX_CANDIDATES, type ScoreOptions, type Scorer } from "./scorer.js";
import type { Scored } from "./threads/engine.js";

/** Attempts at an explanation before the model changes after its candidates were scored. */
const ATTEMPTS = 3;

/** The first `k` candidates: by the randomised order, else by score; equal ones by position. */
export function best(scores: Float32Array, k: number, rank?: Uint32Array): Ranked[] {
  const ranked = Array.from(scores, (score, index) => ({ index, score }));
  const before = (a: Ranked, b: Ranked) => (rank ? rank[a.index] - rank[b.index] : b.score - a.score);
  return ranked.sort((a, b) => before(a, b) || a.index - b.index).slice(0, k);
}

interface Ranked {
  readonly index: number;
  readonly score: number;
}

/** Scores and their explanation, from one version. */
export interface Explained {
  readonly scored: Scored;
  readonly explain: readonly Explanation[];
}

/**
 * Each field's contribution to the logit of some candidates: what is lost when the field is missing.
 * @param first the scores of the body
 * @param chosen selects candidates, by position, from the scores
 * @throws HashbrookError items_too_many if candidates × fields exceeds 10,000; overloaded if the model changes too fast
 */
export async function explained(
  scorer: Scorer,
  body: Uint8Array,
  first: Scored,
  chosen: (scored: Scored) => readonly number[],
  limits: ScoreOptions,
): Promise<Explained> {
  for (let scored = first, attempt = 0; attempt < ATTEMPTS; attempt++, scored = await scorer.scored(body, limits)) {
    const sources = sourcesOf(scorer.spec!);
    const places = chosen(scored);
    const without = await scorer.scored(variants(body, places, [...new Set(sources.values())]), limits);
    if (without.model.version !== scored.model.version || without.model.spec_hash !== scored.model.spec_hash) continue;
    return { scored, explain: sharesOf(scored.scores, without.scores, places, sources) };
  }
  throw new HashbrookError("overloaded", "explain: the model changed during the request", { hint: "retry" });
}

/** The member that each field is read from. Crosses have none: they change with their parts. */
function sourcesOf(spec: CompiledSpec): Map<string, string> {
  return new Map(spec.fields.flatMap((field) => ("from" in field ? [[field.name, field.from] as const] : [])));
}

/** A request with the chosen candidates, once without each of the members. */
function variants(body: Uint8Array, places: readonly number[], paths: readonly string[]): Uint8Array {
  const count = places.length * paths.length;
  if (count > MAX_CANDIDATES) throw tooMany("options.explain: candidates × fields", count, MAX_CANDIDATES);
  const members = rawMembers(body);
  const candidates = rawElements(members.get("candidates")!);
  const nulls = paths.map((path) => Buffer.from(`${JSON.stringify(path)}:null}`));
  const parts = places.flatMap((place) => nulls.map((missing) => withMember(candidates[place], missing)));
  const joined = parts.flatMap((part, i) => (i === 0 ? part : [COMMA, ...part]));
  const context = members.get("context") ?? Buffer.from("null");
  return Buffer.concat([Buffer.from('{"context":'), context, Buffer.from(',"candidates":['), ...joined, END]);
}

const COMMA = Buffer.from(",");
const END = Buffer.from("]}");

/**
 * An object with one more member at its end, which takes precedence over earlier ones. @param member with the closing
 * bracket
 */
function withMember(object: Uint8Array, member: Uint8Array): Uint8Array[] {
  const open = object.subarray(0, -1);
  const empty = Buffer.from(open).toString().trim() === "{";
  return empty ? [open, member] : [open, COMMA, member];
}

function sharesOf(
  scores: Float32Array,
  without: Float32Array,
  places: readonly number[],
  sources: ReadonlyMap<string, string>,
): Explanation[] {
  const paths = [...new Set(sources.values())];
  return places.map((index, i) => {
    const logit = logitOf(scores[index]);
    const share = (path: string) => logit - logitOf(without[i * paths.length + paths.indexOf(path)]);
    return { index, logit, shares: Object.fromEntries([...sources].map(([name, path]) => [name, share(path)])) };
  });
}

/** The smallest f32 probability above 0, and the largest below 1, from which a logit can be computed. */
const LEAST = 2 ** -149;
const GREATEST = 1 - 2 ** -24;

/** Finite for any probability. */
function logitOf(probability: number): number {
  const p = Math.min(Math.max(probability, LEAST), GREATEST);
  return Math.log(p) - Math.log1p(-p);
}
