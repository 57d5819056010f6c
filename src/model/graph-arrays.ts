import type { Arrays } from "../runtimes/bound-graph.js";
import type { Table } from "../tables/table.js";

/** The arrays that a tower's graphs read and write, by the names of their inputs and outputs. */
export class GraphArrays {
  private readonly fixed: Arrays;
  private readonly tables: readonly Table[];
  private readonly items: () => Record<string, Float32Array>;
  private readonly learning: boolean;
  private placed: { readonly outputs: readonly Float32Array[]; readonly arrays: Arrays } | null = null;

  /**
   * @param fixed arrays that do not move
   * @param options.items other arrays in the tables' memories
   */
  constructor(
    fixed: Arrays,
    tables: readonly Table[],
    options: { readonly learning: boolean; readonly items: () => Record<string, Float32Array> },
  ) {
    this.fixed = fixed;
    this.tables = tables;
    this.learning = options.learning;
    this.items = options.items;
  }

  /** Returns the same object until a table's memory has moved. */
  all(): Arrays {
    const outputs = this.tables.map(({ output }) => output);
    if (!this.placed?.outputs.every((output, i) => output === outputs[i]))
      this.placed = { outputs, arrays: { ...this.fixed, ...this.moving() } };
    return this.placed.arrays;
  }

  /** Arrays that move when a table grows. */
  private moving(): Arrays {
    const arrays = this.items();
    for (const table of this.tables) {
      arrays[inputName(table)] = table.output;
      if (this.learning) arrays[`d_${inputName(table)}`] = table.gradient;
    }
    return arrays;
  }
}

function inputName(table: Table): string {
  return table.spec.role === "wide" ? "wide" : `x_${table.name}`;
}
