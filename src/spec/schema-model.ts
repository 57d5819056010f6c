import { aboveZero, atLeastZero, closed, optional, text } from "../schema/basics.js";
import { type TObject, type TOptional, Type } from "../schema/typebox.js";
import { eventKinds, type TowerKind, towerKinds, towerOf, type towers } from "../towers/index.js";
import { defaults } from "./defaults.js";

const rate = (value: number) => optional(aboveZero("Learning rate.", value));
const adagradKnobs = (kind: "adagrad" | "rowwise_adagrad") => ({
  learning_rate: rate(defaults.optimizer[kind].learning_rate),
  initial_accumulator: optional(
    atLeastZero("Sum of squared gradients to start from.", defaults.optimizer[kind].initial_accumulator),
  ),
  epsilon: optional(aboveZero("Added to the root of the sum.", defaults.optimizer[kind].epsilon)),
});
const decay = (description: string, value: number) =>
  optional(Type.Number({ minimum: 0, exclusiveMaximum: 1, default: value, description }));
const { ftrl, adam, sgd } = defaults.optimizer;

const OptimizerKnobs = {
  ftrl: optional(
    Type.Object(
      {
        alpha: optional(
          aboveZero(
            `Learning rate. Default ${ftrl.alpha}; ${eventKinds}, wide: ${defaults.linear_ftrl.alpha}.`,
            ftrl.alpha,
          ),
        ),
        beta: optional(
          atLeastZero(
            `Damps the first steps of a coordinate. Default ${ftrl.beta}; ${eventKinds}, wide: ${defaults.linear_ftrl.beta}.`,
            ftrl.beta,
          ),
        ),
        l1: optional(atLeastZero("Lasso: makes weights exactly zero.", ftrl.l1)),
        l2: optional(atLeastZero("Ridge: shrinks weights.", ftrl.l2)),
        l21: optional(atLeastZero("Group lasso: makes whole rows exactly zero.", ftrl.l21)),
      },
      { ...closed, description: "FTRL-Proximal (McMahan 2013); with l21 > 0 group-lasso FTRL." },
    ),
  ),
  adagrad: optional(
    Type.Object(adagradKnobs("adagrad"), { ...closed, description: "AdaGrad, one accumulator a coordinate." }),
  ),
  rowwise_adagrad: optional(
    Type.Object(adagradKnobs("rowwise_adagrad"), { ...closed, description: "AdaGrad, one accumulator a row." }),
  ),
  adam: optional(
    Type.Object(
      {
        learning_rate: rate(adam.learning_rate),
        beta1: decay("Decay of the first moment.", adam.beta1),
        beta2: decay("Decay of the second moment.", adam.beta2),
        epsilon: optional(aboveZero("Added to the root of the second moment.", adam.epsilon)),
      },
      { ...closed, description: "Adam." },
    ),
  ),
  sgd: optional(
    Type.Object({ learning_rate: rate(sgd.learning_rate) }, { ...closed, description: "Plain gradient steps." }),
  ),
};

export const optimizer = (value: string | object) =>
  optional(
    Type.Union(
      [
        Type.Enum(["ftrl", "adagrad", "rowwise_adagrad", "adam", "sgd"], {
          description: "An optimizer with its defaults.",
        }),
        Type.Object(OptimizerKnobs, { ...closed, description: "One optimizer with its knobs." }),
      ],
      {
        default: value,
        description: `The optimizer. Default ${typeof value === "string" ? value : JSON.stringify(value)}.`,
      },
    ),
  );

export const salt = (value: string) =>
  optional(
    Type.Enum(["table", "field"], {
      description: `table: the same value in two fields of this table is the same key. field: fields are kept apart. Default ${value}.`,
    }),
  );
export const rows = (description: string) => optional(Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1, description }));
const init = (value: number) =>
  optional(atLeastZero(`A new row's weights are uniform in [-init, init]. Default ${value}.`, value));

export const Wide = Type.Object(
  {
    fields: Type.Array(text("A field, or a range of fields."), {
      minItems: 1,
      description: "Fields that get a weight of their own, added to the logit.",
    }),
    bits: optional(
      Type.Integer({ minimum: 1, maximum: 31, default: defaults.wide.bits, description: "rows = 2^bits." }),
    ),
    rows: rows("Number of rows, instead of bits."),
    init: init(defaults.wide.init),
    salt: salt(defaults.wide.salt),
    optimizer: optimizer(defaults.table_optimizer),
  },
  { ...closed, description: "A linear part beside the tower: one hashed table of single weights." },
);

/** The knobs of every tower, by its word. */
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
        optimizer: optimizer(defaults.tower_optimizer),
        runtime: optional(
          Type.Enum(["onnxruntime", "tensorflow"], {
            default: defaults.runtime,
            description: "What runs the dense graph.",
          }),
        ),
      },
      { ...closed, description: "One tower with its knobs, the optimizer of its dense weights, its runtime." },
    ),
  ],
  { description: "The model over the embeddings and numbers." },
);
