import { byInformation } from "../shares.js";
import type { Strategy, TableOptions, TunedTable } from "./strategy.js";
import { everyTable } from "./table-options.js";

/** Every id of a batch costs a multiply-add for each weight of its decoder: larger ones would take too long. */
const MOST_BYTES = 1_500_000;
/** A weight and Adam's two moments. */
const WEIGHT_BYTES = 12;
/** Numbers of the code for each unit of the hidden layer: a wide code tells ids apart, a wide layer costs the same bytes. */
const CODE = 8;
/** What a budget is filled to, by the decoder's rounded sizes. */
const FILLED = 0.95;

/** No rows: a small network makes an id's vector of hashes of it. */
export const decoders: Strategy = {
  name: "dhe",
  description: "no rows: a small network decodes hashes of an id (deep hash embeddings), for next to no memory",
  *propose(problem) {
    if (problem.byEvent || problem.budget > MOST_BYTES) return;
    yield {
      name: "decoder",
      tables: everyTable(problem, byInformation(problem.tables, problem.budget), (table) => ({
        options: (bytes) => decoder(table, bytes),
        reason: "bytes for few rows: a network decodes hashes of the id",
      })),
    };
  },
};

/** One hidden layer is better than two of the same bytes. */
function decoder({ options, dim }: TunedTable, bytes: number): TableOptions {
  const weights = (FILLED * bytes) / WEIGHT_BYTES;
  const spare = (dim + 1) / CODE / 2;
  const width = Math.max(1, Math.floor(Math.sqrt(Math.max(0, (weights - dim) / CODE) + spare ** 2) - spare));
  const hashes = 2 * Math.max(1, Math.floor((width * CODE) / 2));
  return {
    ...options,
    encoding: "dhe",
    dhe: { hashes, width, depth: 1, optimizer: { adam: { learning_rate: 0.001 } } },
  };
}
