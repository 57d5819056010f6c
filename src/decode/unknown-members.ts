/** Levels of objects that the decoder reads. */
const MAX_DEPTH = 512;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Dotted paths of a value's leaves (arrays count as leaves), `depth` deep at most: the decoder refuses what is deeper. */
export function* leafPaths(value: unknown, path: string, depth = MAX_DEPTH): Generator<string> {
  const members = isObject(value) && depth > 0 ? Object.entries(value) : [];
  if (members.length === 0) yield path;
  for (const [name, inner] of members) yield* leafPaths(inner, `${path}.${name}`, depth - 1);
}
