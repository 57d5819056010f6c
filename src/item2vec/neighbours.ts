import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { readIdVectors } from "../warm-start/id-vectors.js";

/** An id, and its similarity. */
export interface Neighbour {
  /** Its text. */
  readonly id: string;
  /** Cosine similarity of both vectors. */
  readonly similarity: number;
}

/**
 * The ids with the most similar vectors.
 * @param directory as `item2vec` writes it
 * @throws HashbrookError usage if there is no such id; what reading throws
 */
export function neighboursOf(directory: string, id: string, count = 10): Neighbour[] {
  checkArguments("neighboursOf", { directory, id, count }, { directory: "path", id: "text", count: "number" });
  const { ids, dim, vectors } = readIdVectors(directory);
  const at = ids.indexOf(id);
  if (at < 0)
    throw new HashbrookError("usage", `${directory}: has no id ${id}`, {
      hint: "see ids.tsv for the ids; those with fewer occurrences than --min-count have no vector",
    });
  const row = (i: number) => vectors.subarray(i * dim, (i + 1) * dim);
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, c) => sum + x * b[c], 0);
  const norms = ids.map((_, i) => Math.sqrt(dot(row(i), row(i))) || 1);
  const near = ids.map((other, i) => ({ id: other, similarity: dot(row(at), row(i)) / (norms[at] * norms[i]), i }));
  return near
    .filter(({ i }) => i !== at)
    .sort((a, b) => b.similarity - a.similarity || a.i - b.i)
    .slice(0, count)
    .map(({ id, similarity }) => ({ id, similarity }));
}
