import type { Problems } from "../schema/problems.js";
import type { EncodingBase } from "../tables/spec.js";

/** Floats per row if a key's vector consists of `parts` rows: a fraction of it if they are concatenated, else all. */
export const partDim = ({ dim }: EncodingBase, sideBySide: boolean, parts: number): number =>
  sideBySide ? Math.max(1, Math.floor(dim / parts)) : dim;

/** Reports concatenated rows that do not add up to a vector. `other`: the combination that would work. */
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
    `${dim} floats cannot be split evenly into ${parts} rows`,
    `use a multiple of ${parts}, or combine: ${other}`,
  );
}
