import type { Tensor } from "../../graph/graph.js";
import type { Layers } from "../../graph/layers.js";
import type { Compiled, TProperties } from "../../schema/typebox.js";

/** A bag's items in a graph, with what the pooling needs. */
export interface Items {
  /** [B, most, dim], zeros after the last item. */
  readonly vectors: Tensor;
  /** [1, most, dim] if all rows have the same items, else `vectors`: use it for what depends on the items alone. */
  readonly distinct: Tensor;
  /** [B, 1, most]: 1 for an item, 0 after the last one. */
  readonly mask: Tensor;
  /** [B, dim]: the vector of the row's query field. */
  readonly query: Tensor;
}

/**
 * A way to reduce a bag's items to one vector that has weights of its own, and so belongs to the graph rather than the
 * table.
 */
export interface Pooling<S extends TProperties = TProperties, C extends TProperties = TProperties> {
  readonly description: string;
  /** Its options in a spec, all optional. */
  readonly source: S;
  /** Its options in a compiled spec, all required. */
  readonly compiled: C;
  /** Defaults of the compiled options. */
  readonly defaults: Compiled<C>;
  /**
   * Adds its layers to a graph. A row's bits must depend neither on other rows nor on whether `distinct` is one row.
   * @param name prefix of every weight's name
   * @returns [B, dim]; zeros if a row has no item
   */
  build(layers: Layers, name: string, items: Items, knobs: Compiled<C>): Tensor;
}

/** Checks a pooling's types. */
export const pooling = <S extends TProperties, C extends TProperties>(kind: Pooling<S, C>): Pooling<S, C> => kind;
