import type { Graph, Tensor } from "../graph/graph.js";
import type { Layers } from "../graph/layers.js";
import type { Problems } from "../schema/problems.js";
import type { Compiled, TProperties } from "../schema/typebox.js";
import type { TowerInputs } from "./inputs.js";

/** The inputs a model has for its tower. */
export interface Given {
  /** The tables that embed fields. */
  readonly tables: readonly { readonly name: string; readonly dim: number; readonly cells: readonly unknown[] }[];
  /** True if numbers or vectors feed the tower directly. */
  readonly dense: boolean;
}

/** A tower's rules for its tables. */
interface TableRules {
  /** Defaults of table options. */
  readonly defaults?: { readonly dim?: number; readonly init?: number; readonly salt?: "table" | "field" };
  /** The only `dim` it can have, and why. */
  readonly only?: { readonly dim: number; readonly why: string };
  /**
   * The compiled table's dim, if it differs from the one in the spec: computed from that and the number of fields with
   * a table.
   */
  readonly dim?: (dim: number, fields: number) => number;
}

/** The description common to all kinds of tower: their options in a spec and in a compiled spec, their requirements. */
interface Kind<S extends TProperties, C extends TProperties> {
  readonly description: string;
  /** Its options in a spec, all optional. */
  readonly source: S;
  /** Its options in a compiled spec, all required. */
  readonly compiled: C;
  /** Defaults of the compiled options. */
  readonly defaults: Compiled<C>;
  readonly table?: TableRules;
  /** True if it requires a linear part beside it (any kind may have one). */
  readonly needsWide?: boolean;
  /** Reports other missing requirements. */
  check?(given: Given, problems: Problems): void;
}

/** A tower that is a graph: it learns in batches. */
export interface BatchTower<S extends TProperties = TProperties, C extends TProperties = TProperties>
  extends Kind<S, C> {
  readonly learns: "batches";
  /** True if it compares embeddings with each other: there must be some, all of one dim. */
  readonly compares?: boolean;
  /** Adds its layers to a graph. @returns the logits [B, 1], without the wide part */
  build(layers: Layers, inputs: TowerInputs, knobs: Compiled<C>): Tensor;
}

/**
 * A model with one table (and the wide part's) that learns event by event, in the table's kernel: it has no dense
 * weights and no graph.
 */
export interface EventTower<S extends TProperties = TProperties, C extends TProperties = TProperties>
  extends Kind<S, C> {
  readonly learns: "events";
  /** Its number in src/kernels/assembly/table/event-models.ts. */
  readonly model: number;
  /**
   * Floats per row of a table of `dim`: the first `drawn` are initialised at random, the rest starts at 0. The last one
   * is the linear weight.
   */
  row(dim: number): { readonly floats: number; readonly drawn: number };
  /** Its logits [B, 1] as a graph, for exports: equal to the kernel's, up to rounding. */
  logits(graph: Graph, features: EventFeatures): Tensor;
}

/** The sums over an event's features. */
export interface EventFeatures {
  /** [B, cells, floats]: for each cell the sum of value · row over its features; the bias is the last cell. */
  readonly cells: Tensor;
  /** [B, floats]: the sum of (value · row)² over all features. */
  readonly squares: Tensor;
}

/** Defines a tower that is a graph; checks its types. */
export function batchTower<S extends TProperties, C extends TProperties>(
  kind: Omit<BatchTower<S, C>, "learns">,
): BatchTower<S, C> {
  return { ...kind, learns: "batches" };
}

/** Defines a tower that learns event by event; checks its types. */
export function eventTower<S extends TProperties, C extends TProperties>(
  kind: Omit<EventTower<S, C>, "learns">,
): EventTower<S, C> {
  return { ...kind, learns: "events" };
}
