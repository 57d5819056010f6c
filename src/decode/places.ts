import { constantOf, structOf } from "../kernels/layouts.js";
import {
  type CompiledSpec,
  type Format,
  hasFeatures,
  headPaths,
  isDelimited,
  isNested,
  wholePath,
} from "../spec/compiled.js";
import { type Arena, Struct } from "./arena.js";
import type { ScanKernel } from "./kernel.js";

/** Words before the features that a spec can name: label, weight, tag. */
const heads: { readonly [F in Format]?: readonly string[] } = {
  vw: ["label", "importance", "tag"],
  libsvm: ["label", "", "qid"],
  libffm: ["label", "", ""],
};

/** The names of what stands before the features, "" where a format has none: label, weight, tag. */
export const headOf = (format: Format): readonly string[] => heads[format] ?? ["", "", ""];

/** All features of a line of libsvm. */
export const FEATURES = "features";

/**
 * Slots of a vw namespace or a libffm field: the first feature's text, its value or its text, all features; then the
 * scale of all values. For a libsvm index, all are its value.
 */
const roles = { text: 0, number: 1, items: 2 } as const;
const NAMESPACE_SLOTS = 4;
export type Role = keyof typeof roles;

/** A source column, a position in JSON's objects, a vw namespace, an index of libsvm, or a field of libffm. */
export interface Place {
  readonly path: string;
  readonly children: Map<string, Place>;
  /** Number of values read here. */
  slots: number;
  /** Index of the first slot of this place, followed by those of the places below it. */
  first: number;
  end: number;
}

/** The values a spec reads from an event, and the slot of the kernel's memory for each. */
export interface Places {
  /** Address of the slots, which are contiguous. */
  readonly at: number;
  readonly end: number;
  /** Source column or path of a slot. */
  nameOf(slot: number): string;
  /** Address of the slot of a column or path; one of features has three. */
  slot(from: string, role: Role): number;
  /** Whether every reader of a place's slot needs only its number. @param path the place's path */
  onlyNumber(path: string): boolean;
  has(from: string): boolean;
  readonly root: Place;
}

/** Every column or path that a spec reads, label first. */
export function sourcesOf(spec: CompiledSpec, format: Format): string[] {
  return [...new Set(everySource(spec, format))];
}

/** The same, with repetitions. */
export function everySource(spec: CompiledSpec, format: Format): string[] {
  const label = headPaths({ ...spec.label, weight: weightSource(spec, format) });
  const type = spec.events.type ? [spec.events.type.from] : [];
  return [...label, ...type, ...spec.fields.flatMap((field) => ("from" in field ? [field.from] : []))];
}

/** The importance weight's source: vw has its own. */
export function weightSource(spec: CompiledSpec, format: Format): string | null {
  return spec.label.weight ?? (format === "vw" ? "importance" : null);
}

function newPlace(path: string): Place {
  return { path, children: new Map(), slots: 0, first: 0, end: 0 };
}

/** Builds the tree of all places: paths by their dots, anything else flat. */
function placeTree(sources: readonly string[], format: Format): Place {
  const root = newPlace("");
  const head = headOf(format).filter((name) => name !== "");
  for (const source of new Set([...head, ...sources])) {
    let place = root;
    let path = "";
    for (const name of isNested(format) ? source.split(".") : [source]) {
      path = path ? `${path}.${name}` : name;
      const child: Place = place.children.get(name) ?? newPlace(path);
      place.children.set(name, child);
      place = child;
    }
    place.slots = hasFeatures(format) && !head.includes(source) ? NAMESPACE_SLOTS : 1;
  }
  return root;
}

/** A place and all below it, itself first. */
function* preorder(place: Place): Generator<Place> {
  yield place;
  for (const child of place.children.values()) yield* preorder(child);
}

/** Numbers the slots so that those below a place are contiguous. @returns the number after the last */
function numberSlots(place: Place, next: number): number {
  place.first = next;
  place.end = next + place.slots;
  for (const child of place.children.values()) place.end = numberSlots(child, place.end);
  return place.end;
}

/**
 * Lays out the slots of everything the spec reads. @param more additional columns or paths @param bare events are not
 * wrapped: `within` is ignored
 */
export function layPlaces(
  spec: CompiledSpec,
  format: Format,
  arena: Arena,
  { more = [], bare = false }: { more?: readonly string[] | undefined; bare?: boolean } = {},
): Places {
  const within = bare ? undefined : spec.events.within;
  const whole = (from: string) => (isNested(format) ? wholePath(from, within) : from);
  const sources = [...new Set([...sourcesOf(spec, format), ...more])];
  const sourceOf = new Map(sources.map((from) => [whole(from), from]));
  const root = placeTree([...sourceOf.keys()], format);
  numberSlots(root, 0);
  const places = [...preorder(root)];
  const names = places.flatMap((place) =>
    Array.from({ length: place.slots }, () => sourceOf.get(place.path) ?? place.path),
  );
  const kind = constantOf("scan", isDelimited(format) ? "TEXT" : "MISSING");
  const { at, end } = arena.structs(names.map((_, column) => new Struct("Slot", { at: 0, size: 0, kind, column })));
  const slotBytes = structOf("scan", "Slot").size;
  const bySource = new Map(places.filter(({ slots }) => slots > 0).map((place) => [place.path, place]));
  const texts = new Set<string>();
  return {
    at,
    end,
    root,
    nameOf: (slot) => (slot ? names[(slot - at) / slotBytes] : ""),
    has: (from) => bySource.has(whole(from)),
    onlyNumber: (path) => !texts.has(path),
    slot(from, role) {
      const place = bySource.get(whole(from))!;
      if (role !== "number") texts.add(place.path);
      return at + slotBytes * (place.first + (place.slots === NAMESPACE_SLOTS ? roles[role] : 0));
    },
  };
}

/** The slots of a place and of all below it, its own first. */
export function slotsOf({ at }: Places, place: Place): { at: number; end: number } {
  const slotBytes = structOf("scan", "Slot").size;
  return { at: at + slotBytes * place.first, end: at + slotBytes * place.end };
}

/** The tree of member names in the kernel's memory. */
interface MemberTree {
  /** Address of its root. */
  readonly root: number;
  /** Dotted paths of nodes, by their addresses. */
  readonly paths: ReadonlyMap<number, string>;
}

/**
 * Lays out the tree of member names that the kernels of JSON, vw, libsvm and libffm walk (structs Node and Member). A
 * path is matched both by nested objects and by names that contain dots.
 */
export function layMembers(places: Places, format: Format, kernel: ScanKernel, arena: Arena): MemberTree {
  const slotBytes = structOf("scan", "Slot").size;
  const slotAt = (index: number) => places.at + slotBytes * index;
  const isInner = (place: Place) => place.children.size > 0 || hasFeatures(format);
  const all = [...preorder(places.root)].filter((place) => !hasFeatures(format) || place.slots !== 1);
  const nodes = [...all.filter(isInner), ...all.filter((place) => !isInner(place))];
  const { at } = arena.structs(
    nodes.map(
      (place) =>
        new Struct("Node", {
          slot: place.slots ? slotAt(place.first) : 0,
          slots: slotAt(place.first),
          slotsEnd: slotAt(place.end),
          inner: +isInner(place),
          seen: 0,
          seenInContext: 0,
          first: 0,
        }),
    ),
  );
  const nodeBytes = structOf("scan", "Node").size;
  const nodeAt = new Map(nodes.map((place, i) => [place, at + i * nodeBytes]));
  const members = nodes.flatMap((parent) =>
    [...preorder(parent)]
      .slice(1)
      .filter((place) => nodeAt.has(place))
      .map((place) => ({ parent: nodeAt.get(parent)!, node: nodeAt.get(place)!, name: nameBelow(parent, place) })),
  );
  const headCount = 2 ** Math.ceil(Math.log2(members.length * 2 + 1));
  const heads = arena.take(headCount * 4);
  const innerEnd = at + nodes.filter(isInner).length * nodeBytes;
  kernel.setMembers(heads, headCount, at, innerEnd);
  for (const { parent, node, name } of members) layMember(parent, node, name, kernel, arena);
  return { root: at, paths: new Map(nodes.map((place) => [nodeAt.get(place)!, place.path])) };
}

/** The part of a place's path below an ancestor's. */
export function nameBelow(parent: Place, place: Place): string {
  return parent.path === "" ? place.path : place.path.slice(parent.path.length + 1);
}

function layMember(parent: number, node: number, name: string, kernel: ScanKernel, arena: Arena): void {
  const bytes = Buffer.from(`"${name}"`);
  const plain = JSON.stringify(name) === `"${name}"`;
  if (!plain) bytes[0] = 0;
  const quoted = arena.bytes(bytes);
  const chain = kernel.chainOf(parent, quoted + 1, bytes.length - 2);
  const next = { next: 0, chain: arena.peek(chain) };
  arena.poke(chain, arena.struct(new Struct("Member", { node, parent, quoted, quotedSize: bytes.length, ...next })));
}
