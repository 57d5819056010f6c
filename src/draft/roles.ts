import { type Facts, lastName, textOf } from "./column.js";
import { type DraftField, fieldTypeOf } from "./fields.js";
import { labelOf } from "./label.js";
import { leakOf } from "./leak.js";
import { nameOf, unlike } from "./names.js";
import { columnsOfLists } from "./same-ids.js";
import { commonTables, type SpecParts } from "./spec-text.js";
import { timeOf } from "./time.js";

const IDS = /^(id|event_?id|request_?id|impression_?id|imp_?id|uuid|row_?id)$/;

/** What the columns are to the model. */
export interface Roles extends Pick<SpecParts, "label" | "time" | "id" | "fields" | "left"> {
  /** Fields that tell the label, with how they do, which are kept because there are no others. */
  readonly telling: ReadonlyMap<string, string>;
}

export interface RoleOptions {
  /** As in `DraftOptions`. */
  readonly label?: string | undefined;
  readonly positive?: string | undefined;
  readonly tower: SpecParts["tower"];
  /** Columns and members that list several items. */
  readonly lists: readonly string[];
  /** Columns have no names. */
  readonly nameless: boolean;
}

/** Decides what every column is to the model. @throws HashbrookError usage if the label cannot be determined */
export function rolesOf(facts: readonly Facts[], options: RoleOptions): Roles {
  const { nameless } = options;
  const label = labelOf(facts, options);
  const time = timeOf(facts);
  const id = facts.find((one) => one.from !== time?.from && isId(one))?.from ?? null;
  const taken = new Set([label.from, time?.from, id]);
  const rest = facts.filter(({ from }) => !taken.has(from));
  const positives = facts.find(({ from }) => from === label.from)!.values.map((value) => label.is(textOf(value)));
  const leaks = rest.map((one) => [one.from, leakOf(one, positives)] as const);
  const telling = new Map(leaks.flatMap(([from, leak]) => (leak ? [[from, leak] as const] : [])));
  const readable = rest.filter(({ shape }) => options.tower !== "lr" || shape !== "vector");
  const unread = rest.filter((one) => !readable.includes(one));
  const careful = fieldsOf(readable, telling, { unread, nameless });
  if (careful.fields.length > 0) return { label, time, id, ...careful, telling: new Map() };
  // A toy's only column determines its label: better a model of it than none.
  const { fields, left } = fieldsOf(readable, new Map(), { unread, nameless });
  return { label, time, id, fields, left, telling: new Map([...telling].filter(([from]) => !left.has(from))) };
}

const isId = ({ from, values, distinct, present, shape }: Facts) =>
  IDS.test(lastName(from)) && present > 1 && present === values.length && distinct === present && shape !== "list";

/**
 * @param unread columns that the tower has no input for
 * @param nameless columns have no names
 */
function fieldsOf(
  columns: readonly Facts[],
  telling: ReadonlyMap<string, string>,
  { unread, nameless }: { readonly unread: readonly Facts[]; readonly nameless: boolean },
): Pick<Roles, "fields" | "left"> {
  const fields: DraftField[] = [];
  const left = new Map(unread.map(({ from }) => [from, "is a vector, which lr does not read"]));
  const names = new Set<string>();
  const lists = columnsOfLists(columns.filter(({ from }) => !telling.has(from)));
  const tables = tablesOf(new Set(lists.values()));
  for (const facts of columns) {
    const { from } = facts;
    const leak = telling.get(from);
    const found = leak
      ? { left: `${leak}, so it is probably known only afterwards` }
      : fieldTypeOf(facts, { isListed: tables.has(from), nameless });
    const table = tables.get(lists.get(from) ?? from);
    if ("left" in found) left.set(from, found.left);
    else fields.push({ name: unlike(nameOf(from), names), from, facts, ...found, ...(table && { table }) });
  }
  return { fields, left };
}

/** Tables of columns that have one in common with lists. */
function tablesOf(columns: ReadonlySet<string>): ReadonlyMap<string, string> {
  const names = new Set(commonTables);
  return new Map([...columns].map((from) => [from, unlike(nameOf(from).replaceAll(".", "_"), names)]));
}
