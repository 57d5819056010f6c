import type { Graph, Tensor } from "../graph/graph.js";
import type { Layers } from "../graph/layers.js";
import type { Problems } from "../schema/problems.js";
import type { Compiled, TProperties } from "../schema/typebox.js";
import type { TowerInputs } from "./inputs.js";

/** What a model has for its tower. */
export interface Given {
  /** The tables that embed fields. */
  readonly tables: readonly { readonly name: string; readonly dim: number; readonly cells: readonly unknown[] }[];
  /** True where numbers or vectors feed the tower as they are. */
  readonly dense: boolean;
}

/** What a tower makes of its tables. */
interface TableRules {
  /** Options of a table that a spec leaves out. */
  readonly defaults?: { readonly dim?: number; readonly init?: number; readonly salt?: "table" | "field" };
  /** The only `dim` it can have, and why. */
  readonly only?: { readonly dim: number; readonly why: string };
  /** The compiled table's dim, where it is not the one that a spec gives: by that and the number of fields that have a table. */
  readonly dim?: (dim: number, fields: number) => number;
}

/** What there is to say of every kind of tower: what a spec may give it, what a compiled spec keeps of it, what it needs. */
interface Kind<S extends TProperties, C extends TProperties> {
  readonly description: string;
  /** Its knobs in a spec, all optional. */
  readonly source: S;
  /** Its knobs in a compiled spec, all there. */
  readonly compiled: C;
  /** Of the compiled knobs, where a spec leaves them out. */
  readonly defaults: Compiled<C>;
  readonly table?: TableRules;
  /** True where it must have a linear part beside it, which every kind may have. */
  readonly needsWide?: boolean;
  /** Reports what else it misses. */
  check?(given: Given, problems: Problems): void;
}

/** A tower that is a graph: it learns batches. */
export interface BatchTower<S extends TProperties = TProperties, C extends TProperties = TProperties>
  extends Kind<S, C> {
  readonly learns: "batches";
  /** True where it compares embeddings with each other: there must be some, all of one dim. */
  readonly compares?: boolean;
  /** Adds its layers to a graph. @returns the logits [B, 1], without the wide part */
  build(layers: Layers, inputs: TowerInputs, knobs: Compiled<C>): Tensor;
}

/** A model of one table (and the wide part's) that learns event by event, in the table's kernel: it has no dense weights and no graph. */
export interface EventTower<S extends TProperties = TProperties, C extends TProperties = TProperties>
  extends Kind<S, C> {
  readonly learns: "events";
  /** Its number in src/kernels/assembly/table/event-models.ts. */
  readonly model: number;
  /** Floats of a row of a table of `dim`: `drawn` of them are drawn at random, the others, behind them, start at 0. The last one is the linear weight. */
  row(dim: number): { readonly floats: number; readonly drawn: number };
  /** Its logits [B, 1] as a graph, for exports: what the kernel computes, up to rounding. */
  logits(graph: Graph, features: EventFeatures): Tensor;
}

/** What an event's features add up to. */
export interface EventFeatures {
  /** [B, cells, floats]: for each cell the sum of value · row over its features; the bias is the last cell. */
  readonly cells: Tensor;
  /** [B, floats]: the sum of (value · row)² over all features. */
  readonly squares: Tensor;
}

/** Says that a kind is a graph; checks its types. */
export function batchTower<S extends TProperties, C extends TProperties>(
  kind: Omit<BatchTower<S, C>, "learns">,
): BatchTower<S, C> {
  return { ...kind, learns: "batches" };
}

/** Says that a kind learns event by event; checks its types. */
export function eventTower<S extends TProperties, C extends TProperties>(
  kind: Omit<EventTower<S, C>, "learns">,
): EventTower<S, C> {
  return { ...kind, learns: "events" };
}
