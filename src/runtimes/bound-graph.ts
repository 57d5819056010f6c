import { type Graph, sizeOf, type Tensor, withRows } from "../graph/graph.js";
import { loadRuntime, type Runtime, type Session, type Views } from "./runtime.js";

/** Memory of a graph's inputs, parameters and outputs by name: each long enough for the rows of a run. */
export type Arrays = Readonly<Record<string, Float32Array>>;

/** Views of one run's memory. */
interface Binding {
  readonly arrays: readonly Float32Array[];
  readonly feeds: Views;
  readonly fetches: Views;
}

/**
 * A graph that runs on one thread with any number of rows, in memory that may move between runs. Its session is loaded by the
 * first run.
 */
export class BoundGraph {
  private readonly graph: Graph;
  private readonly runtime: Runtime["name"];
  private readonly arrays: () => Arrays;
  private readonly bindings = new Map<number, Binding>();
  private session: Promise<Session> | null = null;

  /** @param arrays where everything lies at the time of a run */
  constructor(graph: Graph, runtime: Runtime["name"], arrays: () => Arrays) {
    this.graph = graph;
    this.runtime = runtime;
    this.arrays = arrays;
  }

  /** @throws HashbrookError runtime_unavailable */
  async run(rows: number): Promise<void> {
    this.session ??= this.load();
    const session = await this.session;
    const { feeds, fetches } = this.bind(rows);
    await session.run(feeds, fetches);
  }

  async close(): Promise<void> {
    await (await this.session)?.release();
    this.session = null;
  }

  private async load(): Promise<Session> {
    const runtime = await loadRuntime(this.runtime);
    return runtime.load(this.graph, { threads: 1 });
  }

  /** Sessions keep what they prepare for views they have seen, so views are made again only where memory has moved. */
  private bind(rows: number): Binding {
    const arrays = this.arrays();
    const { inputs, parameters, outputs } = this.graph;
    const all = [...inputs, ...parameters].map(({ name }) => arrays[name]);
    all.push(...[...outputs.keys()].map((name) => arrays[name]));
    const known = this.bindings.get(rows);
    if (known?.arrays.every((array, i) => sameMemory(array, all[i]))) return known;
    const feeds = views(
      [...inputs, ...parameters].map((tensor) => [tensor.name, tensor]),
      arrays,
      rows,
    );
    const made = { arrays: all, feeds, fetches: views(outputs, arrays, rows) };
    this.bindings.set(rows, made);
    return made;
  }
}

function views(tensors: Iterable<readonly [string, Tensor]>, arrays: Arrays, rows: number): Views {
  return Object.fromEntries(
    [...tensors].map(([name, { shape }]) => [
      name,
      { data: arrays[name].subarray(0, sizeOf(shape, rows)), shape: withRows(shape, rows) },
    ]),
  );
}

function sameMemory(a: Float32Array, b: Float32Array): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset;
}
