import { usualOptimizer } from "../optimizers/index.js";
import { compileDense } from "../optimizers/schema.js";
import { listed, type Problems } from "../schema/problems.js";
import { learnsByEvent, towerKinds, towerOf } from "../towers/index.js";
import type { CompiledTower, TowerKind } from "./compiled.js";
import { defaults } from "./defaults.js";
import type { ModelSpec } from "./schema.js";

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
          `remove it: ${kind} uses the optimizer of its table`,
        );
    }
  }
  return {
    kind,
    ...towerOf(kind).defaults,
    ...written[kind],
    optimizer: compileDense(written.optimizer ?? usualOptimizer.tower, "tower.optimizer", problems),
    runtime: written.runtime ?? defaults.runtime,
  } as CompiledTower;
}

/** Reports a `tower` that names no kind, or several. */
export function reportTowerKind(problems: Problems): void {
  problems.add("tower", "must name exactly one tower", `use one of ${listed(towerKinds)}`);
}
