import { HashbrookError } from "../core/errors.js";
import type { Compiled } from "../schema/typebox.js";
import { dcnV2 } from "./dcn_v2.js";
import { deepCrossing } from "./deep_crossing.js";
import { deepFfm } from "./deep_ffm.js";
import { deepFm } from "./deepfm.js";
import { dlrm } from "./dlrm.js";
import { ffm } from "./ffm.js";
import { fm } from "./fm.js";
import type { BatchTower, EventTower } from "./kind.js";
import { lr } from "./lr.js";
import { wideDeep } from "./wide_deep.js";

/** Every tower, by its name in a spec. */
export const towers = {
  lr,
  fm,
  ffm,
  deep_crossing: deepCrossing,
  wide_deep: wideDeep,
  deepfm: deepFm,
  deep_ffm: deepFfm,
  dcn_v2: dcnV2,
  dlrm,
};

export type TowerKind = keyof typeof towers;
export const towerKinds = Object.keys(towers) as TowerKind[];

/** The tower that hints suggest. */
export const suggestedTower = "deep_crossing" satisfies TowerKind;

/** A tower's kind and options, as a compiled spec stores them. */
export type TowerKnobs = { [K in TowerKind]: { kind: K } & Compiled<(typeof towers)[K]["compiled"]> }[TowerKind];

/** The description of a kind. */
export const towerOf = (kind: TowerKind): BatchTower | EventTower => towers[kind];

/** True for models without a dense tower, which learn event by event. */
export const learnsByEvent = (kind: TowerKind): boolean => towerOf(kind).learns === "events";

/** The towers that learn event by event, for descriptions: `lr, fm`. */
export const eventKinds = towerKinds.filter(learnsByEvent).join(", ");

/** The towers whose tables have defaults of their own, for descriptions: `lr: 1; fm: 8`. */
export function tableDefaults(option: "dim" | "init" | "salt"): string {
  const kinds = new Map<unknown, TowerKind[]>();
  for (const kind of towerKinds) {
    const value = towerOf(kind).table?.defaults?.[option];
    if (value !== undefined) kinds.set(value, [...(kinds.get(value) ?? []), kind]);
  }
  return [...kinds].map(([value, some]) => `${some.join(", ")}: ${value}`).join("; ");
}

/**
 * Floats per row of one of the model's tables, and how many of them are initialised at random: the rest, behind them,
 * starts at 0.
 */
export function rowOf(
  kind: TowerKind,
  { role, dim }: { readonly role: "embedding" | "wide"; readonly dim: number },
): { readonly floats: number; readonly drawn: number } {
  const tower = towerOf(kind);
  return tower.learns === "events" && role === "embedding" ? tower.row(dim) : { floats: dim, drawn: dim };
}

/**
 * The number, in src/kernels/assembly/table/event-models.ts, of the model in a table of an event-learned tower; a wide
 * part is linear.
 */
export function eventModelOf(kind: TowerKind, { role }: { readonly role: "embedding" | "wide" }): number {
  const tower = role === "wide" ? lr : towerOf(kind);
  if (tower.learns === "events") return tower.model;
  throw new HashbrookError("internal", `tower.${kind}: does not learn event by event`);
}
