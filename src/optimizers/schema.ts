import { closed, optional } from "../schema/basics.js";
import { listed, type Problems } from "../schema/problems.js";
import { type Static, type TObject, type TOptional, Type } from "../schema/typebox.js";
import {
  type OptimizerKind,
  type OptimizerSpec,
  optimizerKinds,
  optimizerOf,
  type optimizers,
  usualOptimizer,
} from "./index.js";

/** The options of every optimizer, by its name. */
const knobs = Object.fromEntries(
  optimizerKinds.map((kind) => {
    const { source, description } = optimizerOf(kind);
    return [kind, optional(Type.Object(source, { ...closed, description }))];
  }),
) as unknown as { [K in OptimizerKind]: TOptional<TObject<(typeof optimizers)[K]["source"]>> };

/** The option `optimizer` of a spec, and its default. */
export const optimizer = (value: OptimizerKind | object) =>
  optional(
    Type.Union(
      [
        Type.Enum([...optimizerKinds], { description: "An optimizer with its defaults." }),
        Type.Object(knobs, { ...closed, description: "An optimizer with its options." }),
      ],
      {
        default: value,
        description: `The optimizer. Default ${typeof value === "string" ? value : JSON.stringify(value)}.`,
      },
    ),
  );

export type OptimizerSource = Static<ReturnType<typeof optimizer>>;

/** An optimizer in a compiled spec. */
export const Optimizer = Type.Unsafe<OptimizerSpec>(
  Type.Union(
    optimizerKinds.map((kind) => Type.Object({ kind: Type.Literal(kind), ...optimizerOf(kind).compiled }, closed)),
  ),
);

/** Warns that weights which should start at random start at 0, where a product of them stays. */
export function warnOfLostInit(spec: OptimizerSpec, path: string, problems: Problems): void {
  const found = optimizerOf(spec.kind).startsAtZero?.(spec);
  if (!found) return;
  problems.warn(
    path,
    `${spec.kind} with ${found.options} starts all weights at 0, not at random: factors and hidden layers may never learn`,
    found.hint,
  );
}

/**
 * Resolves an optimizer: its name alone, or its name and some of its options.
 * @param single whether it is for single weights that learn event by event, or in a linear part: some have other
 *   defaults there
 */
export function compileOptimizer(
  source: OptimizerSource,
  path: string,
  problems: Problems,
  single = false,
): OptimizerSpec {
  const named = typeof source === "string" ? [source] : optimizerKinds.filter((kind) => source[kind] !== undefined);
  if (named.length !== 1) problems.add(path, "must name exactly one optimizer", `use one of ${listed(optimizerKinds)}`);
  const kind = named[0] ?? usualOptimizer.table;
  const { defaults, single: own } = optimizerOf(kind);
  return {
    kind,
    ...defaults,
    ...(single && own),
    ...(typeof source === "string" ? {} : source[kind]),
  } as OptimizerSpec;
}

/** The same for weights of a network, which start at random. */
export function compileDense(source: OptimizerSource, path: string, problems: Problems): OptimizerSpec {
  const spec = compileOptimizer(source, path, problems);
  warnOfLostInit(spec, path, problems);
  return spec;
}
