import { HashbrookError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import { leafPaths } from "../../decode/unknown-members.js";
import { rawElements, rawMembers } from "./raw-json.js";

/** A score request: the raw JSON bytes of its context object and of every candidate object. */
export interface ScoreRequest {
  readonly context: Uint8Array;
  readonly candidates: readonly Uint8Array[];
  /** The raw JSON bytes of the options object, if there is one. */
  readonly options: Uint8Array | undefined;
  /**
   * Dotted paths of members no field reads, after "context." or "candidates[].": reported to the caller, otherwise
   * ignored. At most 100.
   */
  readonly unknown: readonly string[];
}

/** Known members below a place, by name. */
export interface Known {
  readonly children: ReadonlyMap<string, Known>;
}
interface MutableKnown extends Known {
  readonly children: Map<string, MutableKnown>;
}

/** Most names of unknown members that are collected. */
const MAX_UNKNOWN = 100;
const MEMBERS = ["context", "candidates", "options"];
const EMPTY_OBJECT = new TextEncoder().encode("{}");

/**
 * Splits a request body `{"context": {...}, "candidates": [{...}, ...], "options": {...}}` into byte ranges. The ranges
 * go to the decoder unchanged, so a number keeps its text (64-bit ids are never rounded) and is hashed just as in
 * training.
 * @param known every member that a field reads
 * @throws HashbrookError request_invalid naming the place, items_too_many
 */
export function splitScoreRequest(body: Uint8Array, known: Known, maxCandidates: number): ScoreRequest {
  const parsed = parseBody(body);
  checkShape(parsed, maxCandidates);
  const members = rawMembers(body);
  const candidates = rawElements(members.get("candidates")!);
  const { context: contextObject, candidates: candidateObjects } = parsed as {
    context?: object | null;
    candidates: object[];
  };
  const context = (contextObject && members.get("context")) ?? EMPTY_OBJECT;
  const unknown = new Set<string>();
  noteUnknown(contextObject ?? {}, known, "context.", unknown);
  for (const object of candidateObjects) noteUnknown(object, known, "candidates[].", unknown);
  return { context, candidates, options: members.get("options"), unknown: namesOf(unknown) };
}

/** The names in their order, at most 100. */
export function namesOf(unknown: ReadonlySet<string>): readonly string[] {
  const names = [...unknown].sort();
  const more = names.length - MAX_UNKNOWN;
  return more <= 0 ? names : [...names.slice(0, MAX_UNKNOWN), `… and ${more} more`];
}

/** The tree of member paths. */
export function knownMembers(paths: readonly string[]): Known {
  const root: MutableKnown = { children: new Map() };
  for (const path of paths) {
    let place = root;
    for (const name of path.split(".")) {
      const child: MutableKnown = place.children.get(name) ?? { children: new Map() };
      place.children.set(name, child);
      place = child;
    }
  }
  return root;
}

export function invalid(message: string, hint?: string): HashbrookError {
  return new HashbrookError("request_invalid", message, hint === undefined ? {} : { hint });
}

/** The error for a list in a request that is too long. */
export function tooMany(what: string, count: number, most: number): HashbrookError {
  return new HashbrookError("items_too_many", `${what}: ${count} exceed the limit of ${most}`, {
    hint: "split the request",
  });
}

function parseBody(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
  } catch (error) {
    throw invalid(
      `body: not valid JSON: ${(error as Error).message}`,
      'send {"context": {...}, "candidates": [{...}, ...]}',
    );
  }
}

function checkShape(parsed: unknown, maxCandidates: number): void {
  if (!isObject(parsed))
    throw invalid("body: must be an object", 'send {"context": {...}, "candidates": [{...}, ...]}');
  for (const name of Object.keys(parsed)) {
    if (!MEMBERS.includes(name))
      throw invalid(`body.${name}: unknown member`, "allowed: context, candidates or columns, options");
  }
  if (parsed.context != null && !isObject(parsed.context)) throw invalid("context: must be an object");
  if (parsed.options !== undefined && !isObject(parsed.options)) throw invalid("options: must be an object");
  const { candidates } = parsed;
  if (!Array.isArray(candidates)) throw invalid("candidates: must be an array of objects");
  if (candidates.length === 0) throw invalid("candidates: must have at least one candidate");
  if (candidates.length > maxCandidates) throw tooMany("candidates", candidates.length, maxCandidates);
  candidates.forEach((candidate, i) => {
    if (!isObject(candidate)) throw invalid(`candidates[${i}]: must be an object`);
  });
}

/** Adds the dotted paths of members that no field reads. */
function noteUnknown(object: object, known: Known, prefix: string, unknown: Set<string>): void {
  for (const [name, value] of Object.entries(object)) {
    const place = placeOf(known, name);
    if (!place) for (const path of leafPaths(value, prefix + name)) unknown.add(path);
    else if (place.children.size > 0 && isObject(value)) noteUnknown(value, place, `${prefix}${name}.`, unknown);
  }
}

/** Where a member's name leads among the known ones: a name with dots that is not itself known may be a path. */
export function placeOf(known: Known, name: string): Known | undefined {
  let place = known.children.get(name);
  if (place || !name.includes(".")) return place;
  place = known;
  for (const part of name.split(".")) place = place?.children.get(part);
  return place;
}
