import { oneLine } from "../core/texts.js";
import type { Events } from "./events.js";
import type { DraftField } from "./fields.js";
import type { DraftLabel } from "./label.js";
import type { DraftTime } from "./time.js";

/** The contents of a drafted spec. */
export interface SpecParts {
  readonly name: string;
  readonly tower: "deep_crossing" | "lr";
  readonly events: Events;
  readonly label: DraftLabel;
  readonly time: DraftTime | null;
  readonly id: string | null;
  readonly fields: readonly DraftField[];
  /** Columns that do not become fields, with the reason. */
  readonly left: ReadonlyMap<string, string>;
  /** True if the sample is all of the data. */
  readonly small: boolean;
}

/** Columns with more distinct values in the sample get longer vectors; so do ids, of which a sample may have few. */
const MANY = 500;
const IDS = /(^|[_.])ids?$|[a-z]I[dD]$/i;
const LR = { weights: "encoding: hash, rows: 4_194_304, salt: field" };

/** Tables of fields without one of their own. */
export const commonTables: readonly string[] = ["ids", "context", "numbers", "weights"];

/** Options of tables, by table name. */
type Tables = Record<string, string>;

/** The spec as YAML, with comments that give the reasons for its choices. */
export function specText(parts: SpecParts): string {
  const { name, tower, label, fields, left, small } = parts;
  const tables: Tables = {};
  const lines = fields.map(
    (field) => `  ${fieldText(field, tower === "lr" ? lrTable(tables) : tableOf(field, tables))}`,
  );
  const percent = `${Number((100 * label.share).toPrecision(3))} % of the sample`;
  return [
    `name: ${scalar(name)}`,
    `events: ${eventsText(parts)}`,
    `# ${percent} is positive; ${label.why}.`,
    `label: ${labelText(parts)}`,
    ...[...left].map(([from, why]) => `# Left out: ${oneLine(from)} ${why}.`),
    "fields:",
    ...lines,
    ...(Object.keys(tables).length > 0 ? ["tables:"] : []),
    ...Object.entries(tables).map(([table, options]) => `  ${table}: { ${options} }`),
    tower === "lr"
      ? "tower: lr"
      : "tower: { deep_crossing: { residual: [256, 256] }, optimizer: { adam: { learning_rate: 1e-3 } } }",
    ...(small && tower !== "lr"
      ? ["# Few events: a longer warm-up learns more from them.", "train: { warmup: 65_536 }"]
      : []),
    "",
  ].join("\n");
}

function eventsText({ events: { written }, fields, id }: SpecParts): string {
  const { format, separator, trim, header, names } = written;
  const columns = names && (names.length > 1 ? `[c1..c${names.length}]` : `[${names.join(", ")}]`);
  return mapText({
    format,
    ...(separator !== undefined && { separator: JSON.stringify(separator) }),
    ...(trim && { trim: "true" }),
    ...(header && { header: "true" }),
    ...(columns && { columns }),
    ...(format === "json" &&
      fields.some(({ type, facts }) => type === "numeric" && facts.quoted) && { numbers_as_strings: "true" }),
    ...(id !== null && { id: scalar(id) }),
  });
}

function labelText({ label, time }: SpecParts): string {
  const unit =
    time?.unit && time.unit !== "ms" ? `{ from: ${scalar(time.from)}, unit: ${time.unit} }` : time && scalar(time.from);
  return mapText({ field: scalar(label.from), positive: JSON.stringify(label.positive), ...(unit && { time: unit }) });
}

function lrTable(tables: Tables): string {
  Object.assign(tables, LR);
  return "weights";
}

/** The table of a field, created if necessary; null: its numbers go directly into the tower. */
function tableOf({ type, from, more, facts, table: own }: DraftField, tables: Tables): string | null {
  if (own) {
    tables[own] = "dim: 16, salt: table";
    return own;
  }
  if (type === "vector" || (type === "numeric" && more.transform === "standardize")) return null;
  const many = type !== "numeric" && (facts.distinct > MANY || IDS.test(from));
  const table = type === "numeric" ? "numbers" : many ? "ids" : "context";
  tables[table] = `dim: ${many ? 16 : 8}, salt: field`;
  return table;
}

function fieldText({ name, from, type, more }: DraftField, table: string | null): string {
  const source = from === name ? {} : { from: scalar(from) };
  const rest = Object.entries(more).map(([key, value]) => [
    key,
    typeof value === "object" ? `[${value.map(scalar).join(", ")}]` : typeof value === "number" ? value : scalar(value),
  ]);
  return `- ${mapText({ name: scalar(name), type, ...source, ...Object.fromEntries(rest), ...(table && { table }) })}`;
}

const mapText = (map: Readonly<Record<string, string>>): string =>
  `{ ${Object.entries(map)
    .map(([key, value]) => `${key}: ${value}`)
    .join(", ")} }`;

/** A YAML scalar, quoted if YAML would read it as something else. */
function scalar(text: string): string {
  const plain = /^[A-Za-z_][\w-]*(\.[\w-]+)*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain ? text : JSON.stringify(text);
}
