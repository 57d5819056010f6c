import { listed, type Problems } from "../schema/problems.js";
import { learnsByEvent, towerKinds, towerOf } from "../towers/index.js";
import type { CompiledTower, OptimizerSpec, TowerKind } from "./compiled.js";
import { defaults } from "./defaults.js";
import type { ModelSpec, OptimizerSource } from "./schema.js";

type OptimizerKind = OptimizerSpec["kind"];

/** The kind a spec's `tower` names; undefined when it names none or several. */
export function towerKind(tower: ModelSpec["tower"]): TowerKind | undefined {
  if (typeof tower === "string") return tower;
  const named = towerKinds.filter((kind) => tower[kind] !== undefined);
  return named.length === 1 ? named[0] : undefined;
}

/** Resolves `tower`: the knobs its kind keeps, the optimizer and the runtime. */
export function compileTower(spec: ModelSpec, kind: TowerKind, problems: Problems): CompiledTower {
  const written = typeof spec.tower === "string" ? {} : spec.tower;
  if (learnsByEvent(kind)) {
    for (const key of ["optimizer", "runtime"] as const) {
      if (written[key] !== undefined)
        problems.add(
          `tower.${key}`,
          `${kind} has no dense weights`,
          `remove it: ${kind} has the optimizer of its table`,
        );
    }
  }
  return {
    kind,
    ...towerOf(kind).defaults,
    ...written[kind],
    optimizer: compileOptimizer(written.optimizer ?? defaults.tower_optimizer, "tower.optimizer", problems),
    runtime: written.runtime ?? defaults.runtime,
  } as CompiledTower;
}

/** Reports a `tower` that names no kind, or several. */
export function reportTowerKind(problems: Problems): void {
  problems.add("tower", "must name exactly one tower", `one of ${listed(towerKinds)}`);
}

/**
 * Resolves an optimizer: its name alone, or its name and some of its knobs.
 * @param linear whether it is for single weights, whose FTRL has defaults of its own
 */
export function compileOptimizer(
  source: OptimizerSource,
  path: string,
  problems: Problems,
  linear = false,
): OptimizerSpec {
  const kinds = Object.keys(defaults.optimizer) as OptimizerKind[];
  const named = typeof source === "string" ? [source] : kinds.filter((kind) => source[kind] !== undefined);
  if (named.length !== 1) problems.add(path, "must name exactly one optimizer", `one of ${listed(kinds)}`);
  const kind = named[0] ?? defaults.table_optimizer;
  const knobs = typeof source === "string" ? {} : source[kind];
  const own = linear && kind === "ftrl" ? defaults.linear_ftrl : {};
  return { kind, ...defaults.optimizer[kind], ...own, ...knobs } as OptimizerSpec;
}
