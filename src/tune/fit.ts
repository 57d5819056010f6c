import { grouped } from "../core/digits.js";
import { encodingBytes, kindOf, usual } from "../encodings/index.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { SpecDocument } from "../spec/document.js";
import { pathParts } from "../spec/document-path.js";
import { acceptedDocument } from "../spec/parse.js";
import { type Part, sharedOut } from "./shares.js";
import type { Proposal, TableOptions, TunedTable } from "./strategies/strategy.js";
import { bounded, leastBytes, roomyBytes, split } from "./tables.js";

/** A proposal as a spec within the budget. */
export interface Fitted {
  readonly document: SpecDocument;
  readonly spec: CompiledSpec;
  /** Upper bound of its tables' bytes: rows with optimizer state, index, filters, decoders. */
  readonly bytes: number;
}

const TRIES = 6;
/** The least bytes of any table, however little its ids tell: some encodings need that much. */
const LEAST_BYTES = 1024;
/** The least rows of a linear part. */
const LEAST_WIDE_ROWS = 1;

/** Upper bound of a model's table bytes; Infinity if one may grow without limit. */
export function mostBytes(spec: CompiledSpec): number {
  return spec.tables.reduce((sum, table) => {
    const grows = kindOf(table.encoding).rows === "growing" && table.budget === undefined;
    return sum + (grows ? Number.POSITIVE_INFINITY : encodingBytes(table));
  }, 0);
}

/**
 * Puts a proposal into the full spec so that its tables never exceed `budget` bytes.
 * @returns null if the spec language refuses it, or it does not fit
 */
export function fit(
  full: SpecDocument,
  tables: readonly TunedTable[],
  proposal: Proposal,
  budget: number,
): Fitted | null {
  const shares = split(tables, budget);
  const { small, tuned } = shares;
  const left = budget - small.reduce((sum, { bytes }) => sum + bytes, 0);
  const least = Math.min(LEAST_BYTES, left / tuned.length / 4);
  const bounds = new Map<string, Bound>();
  const document = full.copy();
  let room = left;
  for (let i = 0; i < TRIES; i++) {
    const parts = tuned.map((table) => [table.name, partOf(table, proposal, { least, ...bounds.get(table.name) })]);
    const bytes = sharedOut(room, Object.fromEntries(parts));
    if (bytes === null) return null;
    const spec = filledIn(document, shares, proposal, bytes);
    if (spec === null) return null;
    const found = newBounds(spec, tuned, bytes);
    const taken = mostBytes(spec);
    if (taken <= budget && found.length === 0) return { document, spec, bytes: taken };
    for (const [name, bound] of found) bounds.set(name, { ...bounds.get(name), ...bound });
    if (taken > budget) room -= taken - budget;
    if (!(room > 0)) return null;
  }
  return null;
}

/** Bytes that a table needs, and that it can use. */
interface Bound {
  readonly least?: number;
  readonly most?: number;
}

/**
 * Gives every table its bytes. Every try sets the same members of the document again.
 * @returns null if the spec language refuses the result
 */
function filledIn(
  document: SpecDocument,
  { small, tuned }: ReturnType<typeof split>,
  proposal: Proposal,
  bytes: Readonly<Record<string, number>>,
): CompiledSpec | null {
  const kept = Object.fromEntries(small.map(({ table, bytes }) => [table.name, bytes]));
  for (const { table, bytes } of small) put(document, table, { options: table.options }, bytes, kept);
  for (const table of tuned)
    put(document, table, own(proposal.tables, table.name) ?? { options: table.options }, bytes[table.name], kept);
  for (const [path, value] of Object.entries(proposal.values ?? {})) document.set(pathParts(path), value);
  return acceptedDocument(document, "proposal.yaml");
}

/** What a table's name stands for, and not what every object has under it (constructor). */
function own<T>(of: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(of, name) ? of[name] : undefined;
}

function partOf(table: TunedTable, { tables }: Proposal, bound: Bound = {}): Part {
  const { weight = table.bytes, most = Number.POSITIVE_INFINITY } = own(tables, table.name) ?? {};
  return { weight, least: bound.least, most: Math.min(most, bound.most ?? Number.POSITIVE_INFINITY) };
}

type Become = Pick<Proposal["tables"][string], "options"> & { readonly reason?: string };

function put(
  document: SpecDocument,
  table: TunedTable,
  { options, reason }: Become,
  bytes: number,
  kept: Readonly<Record<string, number>>,
): void {
  const { name } = table;
  if (table.wide) {
    putWide(document, table, bytes);
    return;
  }
  const path = ["tables", name];
  const own = typeof options === "function" ? options(bytes) : options;
  const { encoding } = own as { encoding?: string };
  const full = own === table.options || encoding === undefined;
  document.setCompact(path, full ? bounded(own, bytes) : { ...own, ...saltOf(table, own), budget: bytes });
  document.comment(
    path,
    reason ??
      (Object.hasOwn(kept, name)
        ? `room for all of its ${grouped(table.ids)} ids, and some to spare`
        : "as many ids as fit"),
  );
}

/** Keys must not change: an encoding with another default is given an explicit `salt`. */
function saltOf({ compiled }: TunedTable, { encoding = usual.table, salt }: TableOptions & { encoding?: string }) {
  if (salt !== undefined || !kindOf(encoding).salt) return {};
  const together = compiled.cells.every(({ seed }) => seed === compiled.seed);
  return { salt: together ? "table" : "field" };
}

function putWide(document: SpecDocument, table: TunedTable, bytes: number): void {
  const { compiled } = table;
  const each = encodingBytes({ ...compiled, rows: 512 }) / 512;
  const rows = Math.max(LEAST_WIDE_ROWS, Math.min(compiled.rows, Math.floor(bytes / each / 512) * 512 || 1));
  document.delete(["wide", "bits"]);
  document.set(["wide", "rows"], rows);
}

/** Bounds for growing tables that were given fewer bytes than a batch needs, or more than all ids of the data can use. */
function newBounds(
  spec: CompiledSpec,
  tuned: readonly TunedTable[],
  bytes: Readonly<Record<string, number>>,
): [string, Bound][] {
  return tuned.flatMap((table): [string, Bound][] => {
    const compiled = spec.tables.find(({ name }) => name === table.name);
    if (!compiled || kindOf(compiled.encoding).rows !== "growing") return [];
    const least = leastBytes(compiled, table);
    const most = roomyBytes(compiled, table.ids);
    if (bytes[table.name] < least) return [[table.name, { least }]];
    return bytes[table.name] > Math.max(least, most) ? [[table.name, { most: Math.max(least, most) }]] : [];
  });
}
