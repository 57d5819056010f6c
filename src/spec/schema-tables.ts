import {
  type EncodingKind,
  encodingKinds,
  type encodings,
  kindOf,
  kindsThat,
  plainKinds,
  usual,
} from "../encodings/index.js";
import type { AnyKind } from "../encodings/kind.js";
import { atLeastZero, closed, optional, size, whole } from "../schema/basics.js";
import { type TObject, type TOptional, type TProperties, type TSchema, Type } from "../schema/typebox.js";
import * as rows from "../tables/spec.js";
import { tableDefaults } from "../towers/index.js";
import { defaults } from "./defaults.js";
import { nested } from "./nested.js";
import { salt } from "./schema-model.js";

const named = (is: (kind: AnyKind) => unknown): string => kindsThat(is).join(", ");
/** An option that some encodings have. */
const only = <T extends TSchema>(schema: T, is: (kind: AnyKind) => unknown) =>
  optional({ ...schema, description: `${named(is)}: ${(schema as { description?: string }).description}` });

const fixed = named(({ rows }) => rows === "fixed");
const growing = named(({ rows }) => rows === "growing");

/** Options shared by encodings, with notes on which kinds have them. */
const options = {
  ...rows.options,
  rows: whole(
    `${fixed}: number of rows (required, unless there is a budget). ${growing}: initial capacity in rows; default ${rows.defaults.rows}.`,
  ),
  init: optional(
    atLeastZero(
      `A new row's weights are uniform in [-init, init]. Default ${rows.defaults.init}; ${tableDefaults("init")}.`,
      rows.defaults.init,
    ),
  ),
  shards: only(rows.options.shards, ({ store }) => store),
  admission: only(rows.options.admission, ({ lifecycle }) => lifecycle),
  eviction: only(rows.options.eviction, ({ lifecycle }) => lifecycle),
};

/** The options of each kind's own, by its name in a spec. */
function ownOptions(kinds: readonly EncodingKind[]): TProperties {
  const own = kinds.flatMap((kind) => {
    const { source, description, inner } = kindOf(kind);
    if (!source) return [];
    const inside = inner && { [inner.option]: optional(encoded(inner)) };
    const about = { ...closed, description: `${kind}: ${description}.` };
    return [[kind, optional(Type.Object({ ...source, ...inside }, about))] as const];
  });
  return Object.fromEntries(own);
}

type Registry = typeof encodings;
type OwnSources = {
  [K in EncodingKind as Registry[K] extends { readonly source: TProperties } ? K : never]: Registry[K] extends {
    readonly source: infer S extends TProperties;
  }
    ? TOptional<TObject<S>>
    : never;
};

const encoding = <K extends EncodingKind>(kinds: readonly K[], value: string, description: string) =>
  optional(Type.Enum([...kinds], { default: value, description }));

/** The encoding inside another one. */
function encoded({ encoding: kind, description }: NonNullable<AnyKind["inner"]>): TSchema {
  return Type.Object(
    { encoding: encoding(plainKinds, kind, `The encoding of ${description}.`), ...options, ...ownOptions(plainKinds) },
    { ...closed, description: `Encoding of ${description}.` },
  );
}

const stores = kindsThat(({ store }) => store).map((kind) => `${kind}: ${kindOf(kind).description}.`);
const nesting = kindsThat(({ inner }) => inner);
const keptApart = kindsThat((kind) => kind.salt === "field").map((kind) => `${kind}: field; `);

export const Table = Type.Object(
  {
    encoding: encoding(
      encodingKinds,
      usual.table,
      `${stores.join(" ")} The other encodings are compressed: docs/COMPRESSION.md.`,
    ),
    dim: optional(size(`Floats a row. Default ${defaults.table.dim}; ${tableDefaults("dim")}.`)),
    nested: optional(nested()),
    salt: salt(`table; ${keptApart.join("")}${tableDefaults("salt")}`),
    ...options,
    ...(ownOptions([...plainKinds, ...nesting]) as OwnSources),
  },
  { ...closed, description: "An embedding table, shared by the fields that name it." },
);
