import { isObject } from "../core/json.js";

/** Levels of objects that the decoder reads. */
const MAX_DEPTH = 512;

/**
 * Dotted paths of a value's leaves (arrays count as leaves), at most `depth` deep: the decoder rejects anything deeper.
 */
export function* leafPaths(value: unknown, path: string, depth = MAX_DEPTH): Generator<string> {
  const members = isObject(value) && depth > 0 ? Object.entries(value) : [];
  if (members.length === 0) yield path;
  for (const [name, inner] of members) yield* leafPaths(inner, `${path}.${name}`, depth - 1);
}
