/** Rows a scoring run is padded to a multiple of. */
const ROW_GROUP = 8;

/**
 * The row count to run an inference graph with, so that a row's logit has the same bits in any batch: `rows` rounded up to a
 * multiple of 8. The content of padding rows does not matter. Load the graph without `rows`, so that runs use one thread.
 *
 * onnxruntime treats a one-row matrix differently, and a product with one column (the last layer) works on groups of four rows
 * with another order of addition in an incomplete group; with more than one thread it cuts matrices at points that depend on
 * the batch. Measured over batches of 1 to 1024 rows; the tests verify it for every tower.
 */
export function scoringRows(rows: number): number {
  return Math.ceil(rows / ROW_GROUP) * ROW_GROUP;
}
