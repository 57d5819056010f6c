/** Rows a scoring run is padded to a multiple of. */
const ROW_GROUP = 8;

/**
 * The row count to run an inference graph with, so that a row's logit has the same bits whatever batch it comes in: `rows`
 * rounded up to a multiple of 8. What the padding rows hold does not matter. Load the graph without `rows`, so that runs use one thread.
 *
 * onnxruntime takes another path for a matrix of one row, and a product with one column (the last layer) works on groups
 * of four rows with another order of addition in an unfinished group; with more than one thread it cuts matrices at places
 * that depend on the batch. Measured over batches of 1 to 1024 rows; the tests hold it for every tower.
 */
export function scoringRows(rows: number): number {
  return Math.ceil(rows / ROW_GROUP) * ROW_GROUP;
}
