import { usualOptimizer } from "../optimizers/index.js";
import { optimizer } from "../optimizers/schema.js";
import { atLeastZero, closed, optional, text } from "../schema/basics.js";
import { type TArray, type TObject, type TOptional, type TUnion, Type } from "../schema/typebox.js";
import { type TowerKind, towerKinds, towerOf, type towers } from "../towers/index.js";
import { type PoolingKind, poolingKinds, poolingOf, type poolings } from "../towers/poolings/index.js";
import { defaults } from "./defaults.js";

export const salt = (value: string) =>
  optional(
    Type.Enum(["table", "field"], {
      description: `table: equal values of two fields of this table share a key. field: every field has its own keys. Default ${value}.`,
    }),
  );
export const rows = (description: string) => optional(Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1, description }));
const init = (value: number) =>
  optional(atLeastZero(`A new row's weights are uniform in [-init, init]. Default ${value}.`, value));

export const Wide = Type.Object(
  {
    fields: Type.Array(text("A field, or a range of fields."), {
      minItems: 1,
      description: "Fields whose values have single weights that are added to the logit.",
    }),
    bits: optional(
      Type.Integer({ minimum: 1, maximum: 31, default: defaults.wide.bits, description: "rows = 2^bits." }),
    ),
    rows: rows("Number of rows, instead of bits."),
    init: init(defaults.wide.init),
    salt: salt(defaults.wide.salt),
    optimizer: optimizer(usualOptimizer.table),
  },
  { ...closed, description: "A linear part beside the tower: a hashed table of single weights." },
);

/** Options of every pooling. */
const pooled = {
  query: text("The field whose vector is the query: one key per row, in a table with the bag's dim."),
  over: text("The bag whose items are pooled."),
};

/** Every pooling, by its name in a spec: one, or a list. */
export const Poolings = Object.fromEntries(
  poolingKinds.map((kind) => {
    const { source, description } = poolingOf(kind);
    const one = Type.Object({ ...pooled, ...source }, { ...closed, description });
    return [kind, optional(Type.Union([one, Type.Array(one, { minItems: 1, description })], { description }))];
  }),
) as unknown as { [K in PoolingKind]: TOptional<PoolingSource<K>> };

type PoolingObject<K extends PoolingKind> = TObject<typeof pooled & (typeof poolings)[K]["source"]>;
type PoolingSource<K extends PoolingKind> = TUnion<[PoolingObject<K>, TArray<PoolingObject<K>>]>;

/** The options of every tower, by its name in a spec. */
const TowerKnobs = Object.fromEntries(
  towerKinds.map((kind) => {
    const { source, description } = towerOf(kind);
    return [kind, optional(Type.Object(source, { ...closed, description }))];
  }),
) as unknown as { [K in TowerKind]: TOptional<TObject<(typeof towers)[K]["source"]>> };

export const Tower = Type.Union(
  [
    Type.Enum([...towerKinds], {
      description: "A tower with its defaults.",
    }),
    Type.Object(
      {
        ...TowerKnobs,
        optimizer: optimizer(usualOptimizer.tower),
        runtime: optional(
          Type.Enum(["onnxruntime", "tensorflow"], {
            default: defaults.runtime,
            description: "The runtime of the dense graph.",
          }),
        ),
      },
      { ...closed, description: "A tower with its options, the optimizer of its dense weights, and its runtime." },
    ),
  ],
  { description: "The model that computes a logit from embeddings and numbers." },
);
