import { type Graph, sizeOf, type Tensor, withRows } from "../graph/graph.js";
import { type LoadOptions, loadRuntime, type Runtime, type Session, type Views } from "./runtime.js";

/** Memory of a graph's inputs, parameters and outputs by name, each large enough for the rows of a run. */
export type Arrays = Readonly<Record<string, Float32Array>>;

/** Views of one run's memory. */
interface Binding {
  readonly arrays: Arrays;
  readonly feeds: Views;
  readonly fetches: Views;
}

/**
 * Row counts whose views are cached: batches of varying sizes, as a topic with little traffic produces, must not fill the
 * memory.
 */
const MOST_BINDINGS = 64;

/** A graph that runs with any number of rows, on memory that may move between runs. */
export class BoundGraph {
  private readonly graph: Graph;
  private readonly runtime: Runtime["name"];
  private readonly arrays: () => Arrays;
  private readonly options: LoadOptions;
  /** Names of everything it reads and writes. */
  private readonly names: readonly string[];
  private readonly bindings = new Map<number, Binding>();
  private session: Promise<Session> | null = null;

  /**
   * @param arrays returns the current arrays; may include more than the graph needs, and may return the same object until
   * something has moved
   * @param options how its session is loaded; one thread by default
   */
  constructor(graph: Graph, runtime: Runtime["name"], arrays: () => Arrays, options: LoadOptions = { threads: 1 }) {
    this.graph = graph;
    this.runtime = runtime;
    this.arrays = arrays;
    const { inputs, parameters, outputs } = graph;
    this.names = [...inputs, ...parameters].map(({ name }) => name).concat(...outputs.keys());
    this.options = options;
  }

  /**
   * Loads its session; otherwise the first run does.
   * @throws HashbrookError runtime_unavailable
   */
  async load(): Promise<void> {
    await this.loaded();
  }

  /** @throws as `load` */
  async run(rows: number): Promise<void> {
    const session = await this.loaded();
    const { feeds, fetches } = this.bind(rows);
    await session.run(feeds, fetches);
  }

  async close(): Promise<void> {
    await (await this.session)?.release();
    this.session = null;
  }

  private loaded(): Promise<Session> {
    this.session ??= loadRuntime(this.runtime).then((runtime) => runtime.load(this.graph, this.options));
    return this.session;
  }

  /** Sessions cache what they prepare per view, so views are recreated only when memory has moved. */
  private bind(rows: number): Binding {
    const arrays = this.arrays();
    const known = this.bindings.get(rows);
    if (known && this.isSame(known.arrays, arrays)) return known;
    const { inputs, parameters, outputs } = this.graph;
    const fed = [...inputs, ...parameters].map((tensor) => [tensor.name, tensor] as const);
    const made = { arrays, feeds: views(fed, arrays, rows), fetches: views(outputs, arrays, rows) };
    if (this.bindings.size === MOST_BINDINGS) this.bindings.clear();
    this.bindings.set(rows, made);
    return made;
  }

  private isSame(before: Arrays, now: Arrays): boolean {
    return before === now || this.names.every((name) => sameMemory(before[name], now[name]));
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
