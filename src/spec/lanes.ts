import { plain } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { insideOf, kindOf, kindsThat } from "../encodings/index.js";
import { optional } from "../schema/basics.js";
import { count } from "../schema/compiled.js";
import { Problems, type SpecWarning } from "../schema/problems.js";
import { Type } from "../schema/typebox.js";
import type { EncodingBase } from "../tables/spec.js";
import { learnsByEvent, suggestedTower } from "../towers/index.js";
import type { CompiledSpec, CompiledTable, LanesSpec, TowerKind } from "./compiled.js";
import { defaults } from "./defaults.js";
import { warnOfCost } from "./lanes-cost.js";

/** Maximum number of lanes in a spec: they are partitions of the topic that carries contributions. */
const MOST_LANES = 64;
/** Maximum number of rows of a batch. */
const MOST_ROWS = 65536;

/** Options of `train` for lanes. */
export const Lanes = {
  lanes: optional(
    Type.Integer({
      minimum: 1,
      maximum: MOST_LANES,
      description:
        "Towers: number of lanes among which the events of an update are divided, so that several processes can train one model. Default: none.",
    }),
  ),
  round: optional(
    Type.Integer({
      minimum: 1,
      maximum: MOST_ROWS,
      description: "Events per lane in one update (lanes × round: at most 65,536). Default: batch ÷ lanes.",
    }),
  ),
  staleness: optional(
    Type.Integer({
      minimum: 0,
      maximum: 1,
      default: 0,
      description: "Number of rounds by which a lane's weights may lag; with 1, no lane waits for the current round.",
    }),
  ),
  gradients: optional(
    Type.Union([Type.Literal("f32"), Type.Literal("bf16")], {
      default: "f32",
      description: "Precision of the gradients that lanes send; bf16 takes half the bytes.",
    }),
  ),
};

export const CompiledLanes = Type.Object(
  {
    count: count(MOST_LANES),
    round: count(MOST_ROWS),
    staleness: Type.Union([Type.Literal(0), Type.Literal(1)]),
    gradients: Type.Optional(Type.Literal("bf16")),
  },
  { additionalProperties: false },
);

/** The members of `train` that affect lanes. */
interface Train {
  readonly batch?: number;
  readonly lanes?: number;
  readonly round?: number;
  readonly staleness?: number;
  readonly gradients?: string;
}

/**
 * Rows of an update, and how lanes divide them; without lanes nothing is added, so that older specs keep their hash.
 */
export function compileBatch(
  { train = {} }: { readonly train?: Train },
  kind: TowerKind,
  tables: readonly CompiledTable[],
  problems: Problems,
): { batch: number; lanes?: LanesSpec } {
  const usual = learnsByEvent(kind) ? defaults.train.event_batch : defaults.train.batch;
  const { lanes, batch = usual } = train;
  if (lanes === undefined) {
    for (const key of ["round", "staleness", "gradients"] as const)
      if (train[key] !== undefined)
        problems.add(`train.${key}`, "has no effect without lanes", "add lanes to train, or remove it");
    return { batch };
  }
  refuseLanes(kind, tables, problems);
  const round = roundOf(train, lanes, batch, problems);
  const compiled: LanesSpec = {
    count: lanes,
    round,
    staleness: train.staleness === 1 ? 1 : 0,
    ...(train.gradients === "bf16" && { gradients: "bf16" as const }),
  };
  warnOfCost(compiled, problems);
  return { batch: lanes * round, lanes: compiled };
}

/**
 * A spec with its updates divided among lanes, as `train.lanes` would do.
 * @param onWarning called with the warning about the cost of their size
 * @throws spec_invalid if that is impossible; usage if it has a different number of lanes
 */
export function withLanes(spec: CompiledSpec, lanes: number, onWarning?: (warning: SpecWarning) => void): CompiledSpec {
  if (spec.lanes?.count === lanes) return spec;
  if (!Number.isSafeInteger(lanes) || lanes < 1 || lanes > MOST_LANES)
    throw new HashbrookError("usage", `--lanes ${plain(lanes)}: must be a whole number from 1 to ${MOST_LANES}`);
  if (spec.lanes)
    throw new HashbrookError(
      "usage",
      `--lanes ${lanes}: differs from the spec, which has train.lanes: ${spec.lanes.count}`,
      {
        hint: "remove --lanes, or change the spec: lanes are part of the model",
      },
    );
  const problems = new Problems(spec.name);
  refuseLanes(spec.tower.kind, spec.tables, problems);
  const round = roundOf({}, lanes, spec.batch, problems);
  problems.throwIfAny();
  const given: LanesSpec = { count: lanes, round, staleness: 0 };
  warnOfCost(given, problems);
  if (onWarning) problems.warnings.forEach(onWarning);
  return { ...spec, batch: lanes * round, lanes: given };
}

function roundOf(train: Train, lanes: number, batch: number, problems: Problems): number {
  const { round = Math.ceil(batch / lanes) } = train;
  if (train.batch !== undefined && lanes * round !== batch)
    problems.add(
      "train.batch",
      train.round === undefined
        ? `${batch} events cannot be divided evenly among ${lanes} lanes`
        : `is ${batch}, but ${lanes} lanes of ${round} events make ${lanes * round}`,
      "set round and remove batch: an update has lanes × round events",
    );
  if (lanes * round > MOST_ROWS)
    problems.add(
      "train.round",
      `${lanes} lanes of ${round} events make ${lanes * round}`,
      "lower it: an update has at most 65,536 events",
    );
  return round;
}

const rowKinds = kindsThat(({ decodes, inner }) => !decodes && !inner).join(", ");

function refuseLanes(kind: TowerKind, tables: readonly CompiledTable[], problems: Problems): void {
  if (learnsByEvent(kind))
    problems.add(
      "train.lanes",
      `${kind} learns event by event, without batches that lanes could divide`,
      `remove it: one process learns millions of events a second; or use a tower such as ${suggestedTower}`,
    );
  for (const table of tables) refuseEncoding(table, `tables.${table.name}`, problems);
}

/**
 * Refuses encodings for which a fold would need every occurrence of an id, or a run of a network.
 * @param nested whether it is inside another one
 */
function refuseEncoding(spec: EncodingBase, path: string, problems: Problems, nested = false): void {
  if (spec.admission)
    problems.add(
      `${path}.admission`,
      "counts every occurrence of an id, but lanes report each id once per round",
      "remove it, or train without lanes; eviction works with lanes",
    );
  const { inner, decodes } = kindOf(spec.encoding);
  if (nested && decodes)
    problems.add(
      path,
      `lanes cannot train the network of ${spec.encoding} inside another encoding`,
      `use an encoding without a network (${rowKinds}); or use ${spec.encoding} for the whole table`,
    );
  const inside = insideOf(spec);
  if (inside) refuseEncoding(inside, `${path}.${spec.encoding}.${inner!.option}`, problems, true);
}
