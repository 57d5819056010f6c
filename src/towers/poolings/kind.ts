import type { Tensor } from "../../graph/graph.js";
import type { Layers } from "../../graph/layers.js";
import type { Compiled, TProperties } from "../../schema/typebox.js";

/** A bag's items in a graph, and what they are looked at with. */
export interface Items {
  /** [B, most, dim], zeros behind the last item. */
  readonly vectors: Tensor;
  /** [1, most, dim] where all rows have the same items, else `vectors`: what follows from items alone is worked out on these. */
  readonly distinct: Tensor;
  /** [B, 1, most]: 1 for an item, 0 behind the last one. */
  readonly mask: Tensor;
  /** [B, dim]: the vector of the row's query field. */
  readonly query: Tensor;
}

/** A way to make one vector of a bag's items that has weights of its own, and so belongs to the graph and not to the table. */
export interface Pooling<S extends TProperties = TProperties, C extends TProperties = TProperties> {
  readonly description: string;
  /** Its knobs in a spec, all optional. */
  readonly source: S;
  /** Its knobs in a compiled spec, all there. */
  readonly compiled: C;
  /** Of the compiled knobs, where a spec leaves them out. */
  readonly defaults: Compiled<C>;
  /**
   * Adds its layers to a graph. No row's bits may depend on other rows, nor on whether `distinct` is one row.
   * @param name before the name of every weight
   * @returns [B, dim]; zeros where a row has no item
   */
  build(layers: Layers, name: string, items: Items, knobs: Compiled<C>): Tensor;
}

/** Checks a pooling's types. */
export const pooling = <S extends TProperties, C extends TProperties>(kind: Pooling<S, C>): Pooling<S, C> => kind;
