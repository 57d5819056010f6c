import { systemClock } from "../core/clock.js";
import { Rng } from "../core/rng.js";
import { type Graph, sizeOf, withRows } from "../graph/graph.js";
import type { Session, TensorView, Views } from "./runtime.js";

/**
 * Runs compared. Adding up in another order changed 22 % to 54 % of the sums concerned in the runs measured, so another
 * order would go unseen with a chance of 0.78^32 = 0.0004 if it concerned one number only, and much less for a matrix.
 */
export const PROBES = 32;

/**
 * Compares two sessions of `graph` on random inputs of `rows` rows. Returns how many times as fast as `a` a run of `b` is (by
 * their fastest runs), or 0 when they do not give the same bits.
 */
export async function speedup(graph: Graph, rows: number, a: Session, b: Session): Promise<number> {
  const rng = new Rng(rows);
  const feeds = views(
    [...graph.inputs, ...graph.parameters].map(({ name, shape }) => [name, { shape }]),
    rows,
  );
  const [found, expected] = [views(graph.outputs, rows), views(graph.outputs, rows)];
  const fastest = { a: Number.POSITIVE_INFINITY, b: Number.POSITIVE_INFINITY };
  for (let probe = 0; probe < PROBES; probe++) {
    for (const { data } of Object.values(feeds))
      for (let i = 0; i < data.length; i++) data[i] = (rng.uniform() - 0.5) / 4;
    fastest.a = Math.min(fastest.a, await milliseconds(a, feeds, expected));
    fastest.b = Math.min(fastest.b, await milliseconds(b, feeds, found));
    for (const name in found) if (bytes(found[name]).compare(bytes(expected[name])) !== 0) return 0;
  }
  return fastest.a / fastest.b;
}

async function milliseconds(session: Session, feeds: Views, fetches: Views): Promise<number> {
  const started = systemClock.now();
  await session.run(feeds, fetches);
  return systemClock.now() - started;
}

function views(tensors: Iterable<readonly [string, Pick<Graph["inputs"][number], "shape">]>, rows: number): Views {
  return Object.fromEntries(
    [...tensors].map(([name, { shape }]) => [
      name,
      { data: new Float32Array(sizeOf(shape, rows)), shape: withRows(shape, rows) },
    ]),
  );
}

function bytes({ data }: TensorView): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
