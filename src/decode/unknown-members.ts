import { isObject } from "../core/json.js";
import { maxDepth } from "./json-fault.js";

/**
 * Maximum length of a reported path. Leaves share the beginnings of their paths, so a long one would be repeated for
 * each leaf.
 */
const MAX_PATH = 256;

/**
 * Dotted paths of a value's leaves (arrays count as leaves), at most `depth` deep: the decoder rejects anything deeper.
 */
export function* leafPaths(value: unknown, path: string, depth = maxDepth()): Generator<string> {
  if (path.length > MAX_PATH) return yield `${path.slice(0, MAX_PATH)}…`;
  const members = isObject(value) && depth > 0 ? Object.entries(value) : [];
  if (members.length === 0) yield path;
  for (const [name, inner] of members) yield* leafPaths(inner, `${path}.${name}`, depth - 1);
}
