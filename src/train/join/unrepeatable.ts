import { HashbrookError } from "../../core/errors.js";
import type { Input } from "../../sources/reader.js";

/** The error for inputs that must be read more than once. @param option the reason @throws usage */
export function refuseUnrepeatable(inputs: readonly Input[], option: "join.correct" | "join.key"): void {
  const once = inputs.find(({ repeatable }) => !repeatable);
  if (once)
    throw new HashbrookError("usage", `${once.name}: ${option} reads impressions again, and a pipe cannot be`, {
      hint: `write them to a file, or leave ${option} away`,
    });
}
