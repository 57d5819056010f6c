import { byInformation } from "../shares.js";
import type { Strategy, TableOptions, TunedTable } from "./strategy.js";
import { everyTable } from "./table-options.js";

/** Every id of a batch costs a multiply-add per weight of its decoder, so larger ones would be too slow. */
const MOST_BYTES = 1_500_000;
/** A weight and Adam's two moments. */
const WEIGHT_BYTES = 12;
/** Length of the code per unit of the hidden layer: a wide code distinguishes ids, a wide layer costs the same bytes. */
const CODE = 8;
/** The part of a budget that is used, allowing for the decoder's rounded sizes. */
const FILLED = 0.95;

/** No rows: a small network computes an id's vector from its hashes. */
export const decoders: Strategy = {
  name: "dhe",
  description: "no rows: a small network decodes hashes of an id (deep hash embeddings), in very little memory",
  *propose(problem) {
    if (problem.byEvent || problem.budget > MOST_BYTES) return;
    yield {
      name: "decoder",
      tables: everyTable(problem, byInformation(problem.tables, problem.budget), (table) => ({
        options: (bytes) => decoder(table, bytes),
        reason: "memory for few rows only: a network decodes hashes of the id",
      })),
    };
  },
};

/** One hidden layer works better than two of the same size. */
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
