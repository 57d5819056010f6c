import type { Problems } from "../schema/problems.js";
import type { EncodingBase } from "../tables/spec.js";

/** Floats of a row where a key's vector is made of rows of `parts` parts: a part of it side by side, else all. */
export const partDim = ({ dim }: EncodingBase, sideBySide: boolean, parts: number): number =>
  sideBySide ? Math.max(1, Math.floor(dim / parts)) : dim;

/** Refuses rows side by side that do not make a vector. `other`: the combination that could. */
export function checkParts(
  parts: number,
  other: string,
  { dim }: EncodingBase,
  path: string,
  problems: Problems,
): void {
  if (dim % parts === 0) return;
  problems.add(
    `${path}.dim`,
    `${dim} floats cannot be ${parts} rows side by side`,
    `a multiple of ${parts}, or combine: ${other}`,
  );
}
