import { checkFactors, factorTable } from "./factors.js";
import { eventTower } from "./kind.js";

/** The kernel processes a vector's factors in fours, or two of them. */
const sizes = { rule: "2 or a multiple of 4", fits: (dim: number) => dim === 2 || dim % 4 === 0 };

/**
 * Field-aware factorization machine (Juan et al. 2016): a row has `dim` factors for each other field of its table,
 * followed by the linear weight.
 */
export const ffm = eventTower({
  description: "Field-aware factorization machine: `dim` factors per key for each other field. Learns event by event.",
  source: {},
  compiled: {},
  defaults: {},
  table: factorTable,
  model: 2,
  row: (dim) => ({ floats: dim + 1, drawn: dim }),
  logits(graph, { cells }) {
    const [, count, floats] = cells.shape as [unknown, number, number];
    const fields = count - 1;
    const factors = graph.reshape(graph.slice(cells, 0, fields), ["B", fields * floats]);
    const places = range(fields, (field) => range(floats - 1, (k) => field * floats + k)).flat();
    const vectors = graph.reshape(graph.gather(factors, places), [
      "B",
      fields * (fields - 1),
      (floats - 1) / (fields - 1),
    ]);
    const pairs = range(fields, (i) => range(fields - 1 - i, (j) => [i, i + 1 + j] as const)).flat();
    // Field i's vector for j > i is its (j - 1)th, field j's for i its i-th.
    const own = pairs.map(([i, j]) => i * (fields - 1) + j - 1);
    const other = pairs.map(([i, j]) => j * (fields - 1) + i);
    const products = graph.reduceSum(
      graph.mul(graph.gather(vectors, own), graph.gather(vectors, other)),
      [1, 2],
      false,
    );
    const linear = graph.gather(graph.reduceSum(cells, [1], false), [floats - 1]);
    return graph.add(linear, graph.reshape(products, ["B", 1]));
  },
  check(given, problems) {
    const [{ cells }] = given.tables;
    checkFactors("ffm", given, cells.length - 2, problems, sizes); // one cell is the bias
  },
});

function range<T>(length: number, at: (i: number) => T): T[] {
  return Array.from({ length }, (_, i) => at(i));
}
