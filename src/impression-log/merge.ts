import { elementsAt, hasMembers, type Member, membersAt } from "../serve/requests/raw-json.js";
import { type Known, knownMembers, placeOf } from "../serve/requests/request.js";
import type { Lines } from "./lines.js";
import type { Shape } from "./shape.js";

/** A value's position in a text. */
interface Span {
  readonly text: Buffer;
  readonly from: number;
  readonly to: number;
}
type Tree = Map<string, Tree | Span>;

const OPEN = 123;
const COMMA = 44;
const NONE: readonly Member[] = [];

/** A member that is added to events without it. */
export interface Stamp {
  /** A dotted path. */
  readonly path: string;
  /** JSON. */
  readonly value: string;
}

/**
 * Creates events from requests: the members of a request's context, at every depth replaced or extended by a candidate's, just
 * as the request was scored. Values keep their text.
 */
export class EventWriter {
  private readonly known: Known;

  constructor({ paths }: Shape) {
    this.known = knownMembers(paths);
  }

  /** The parts of a score request's body. @param body valid, with `candidates` */
  split(body: Buffer): SplitRequest {
    const members = new Map(membersAt(body, body.indexOf(OPEN)).map((member) => [member.name, member]));
    const candidates = members.get("candidates");
    const context = members.get("context");
    const hasContext = context !== undefined && body[context.from] === OPEN;
    const ofContext = hasContext ? membersAt(body, context.from) : NONE;
    return {
      body,
      context: hasContext ? { text: body, from: context.from, to: context.to } : undefined,
      members: ofContext,
      names: ofContext.every(isPlain) ? new Set(ofContext.map(({ name }) => name)) : undefined,
      candidates: candidates ? elementsAt(body, candidates.from) : [],
    };
  }

  /** Writes an event's members, each preceded by a comma. */
  write(lines: Lines, request: SplitRequest, index: number, stamps: readonly Stamp[]): void {
    const candidate = request.candidates[index];
    if (request.members.length === 0 && stamps.length === 0) {
      writeInside(lines, request.body, ...candidate);
      return;
    }
    const members = membersAt(request.body, candidate[0]);
    if (!this.writeApart(lines, request, candidate, members, stamps)) this.writeMerged(lines, request, members, stamps);
  }

  /** The usual case: context and candidate share no member, so one is appended to the other. */
  private writeApart(
    lines: Lines,
    { body, context, members, names }: SplitRequest,
    candidate: readonly [number, number],
    own: readonly Member[],
    stamps: readonly Stamp[],
  ): boolean {
    if (!names || !own.every((member) => isPlain(member) && !names.has(member.name))) return false;
    if (stamps.some(({ path }) => path.includes("."))) return false;
    for (const { path, value } of stamps) {
      const has = names.has(path) || own.some(({ name }) => name === path);
      if (!has) lines.text(`,${JSON.stringify(path)}:${value}`);
    }
    if (context && members.length > 0) writeInside(lines, body, context.from, context.to);
    if (own.length > 0) writeInside(lines, body, candidate[0], candidate[1]);
    return true;
  }

  private writeMerged(
    lines: Lines,
    { body, members }: SplitRequest,
    own: readonly Member[],
    stamps: readonly Stamp[],
  ): void {
    const context = new Merge(body, new Map());
    context.add(context.tree, context.before, this.known, members);
    const event = new Merge(body, context.tree);
    event.add(event.tree, event.before, this.known, own);
    const { tree } = event;
    for (const { path, value } of stamps) stamp(tree, path, value);
    for (const [name, value] of tree) {
      lines.text(`,${JSON.stringify(name)}:`);
      writeValue(lines, value);
    }
  }
}

/** A request's parts. */
export interface SplitRequest {
  readonly body: Buffer;
  readonly context: Span | undefined;
  /** The context's members. */
  readonly members: readonly Member[];
  /** Names of the context's members; undefined if one could mean a place below another. */
  readonly names: ReadonlySet<string> | undefined;
  readonly candidates: readonly (readonly [from: number, to: number])[];
}

const isPlain = ({ name }: Member) => !name.includes(".");

/** Writes the members between an object's braces. */
function writeInside(lines: Lines, text: Buffer, from: number, to: number): void {
  if (!hasMembers(text, from)) return;
  lines.byte(COMMA);
  lines.copy(text, from + 1, to - 1);
}

/** Adds the members of a text to those of an earlier one. */
class Merge {
  readonly before: Tree;
  readonly tree: Tree;
  private readonly text: Buffer;
  /** Places with members that are read, for which this text had a value. */
  private readonly seen = new Set<Known>();

  constructor(text: Buffer, before: Tree) {
    this.text = text;
    this.before = before;
    this.tree = copyOf(before);
  }

  /** Of repeated names the last one counts; a name with dots may be a path. @param before what existed before this text */
  add(tree: Tree, before: Tree | undefined, known: Known, members: readonly Member[]): void {
    for (const { name, from, to } of members) {
      const place = placeOf(known, name);
      const path = place && place !== known.children.get(name) ? name.split(".") : [name];
      const last = path[path.length - 1];
      const parent = path.slice(0, -1).reduce(below, tree);
      const parentBefore = path.slice(0, -1).reduce(within, before);
      if (!place || place.children.size === 0) parent.set(last, { text: this.text, from, to });
      else this.put(parent, last, within(parentBefore, last), place, { text: this.text, from, to });
    }
  }

  /** An object whose members are read is merged with the earlier one. */
  private put(parent: Tree, name: string, before: Tree | undefined, place: Known, value: Span): void {
    if (this.seen.has(place)) {
      if (before) parent.set(name, copyOf(before));
      else parent.delete(name);
    }
    this.seen.add(place);
    if (value.text[value.from] !== OPEN) parent.set(name, value);
    else this.add(below(parent, name), before, place, membersAt(value.text, value.from));
  }
}

function copyOf(tree: Tree): Tree {
  return new Map([...tree].map(([name, value]) => [name, value instanceof Map ? copyOf(value) : value]));
}

/** The object under a name, if there is one. */
function within(tree: Tree | undefined, name: string): Tree | undefined {
  const found = tree?.get(name);
  return found instanceof Map ? found : undefined;
}

/** The object under a name, created if missing. */
function below(tree: Tree, name: string): Tree {
  const found = tree.get(name);
  if (found instanceof Map) return found;
  const made: Tree = new Map();
  tree.set(name, made);
  return made;
}

/** Sets a value if there is none. */
function stamp(tree: Tree, path: string, value: string): void {
  const names = path.split(".");
  const name = names.pop()!;
  let parent = tree;
  for (const each of names) {
    const found = parent.get(each);
    if (found !== undefined && !(found instanceof Map)) return;
    parent = below(parent, each);
  }
  const text = Buffer.from(value);
  if (!parent.has(name)) parent.set(name, { text, from: 0, to: text.length });
}

function writeValue(lines: Lines, value: Tree | Span): void {
  if (!(value instanceof Map)) {
    lines.copy(value.text, value.from, value.to);
    return;
  }
  let before = "{";
  for (const [name, each] of value) {
    lines.text(`${before}${JSON.stringify(name)}:`);
    writeValue(lines, each);
    before = ",";
  }
  lines.text(value.size === 0 ? "{}" : "}");
}
