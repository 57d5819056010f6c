import type { AnyGiven, AnyOwn } from "../encodings/kind.js";
import type { EncodingBase } from "../tables/spec.js";
import type { EncodingSource } from "./encodings.js";

/** The options of an encoding's own kind, as a spec gives them. */
export function givenOptions(source: EncodingSource, kind: string): AnyGiven {
  return (source as Record<string, AnyGiven | undefined>)[kind] ?? {};
}

/** The encoding with options of its own kind. */
export function withOwn<E extends EncodingBase>(spec: E, own: AnyOwn | undefined): E {
  return own === undefined ? spec : { ...spec, [spec.encoding]: own };
}
