import { HashbrookError } from "../../core/errors.js";
import type { Input } from "../../sources/reader.js";

/** The error for inputs that must be read more than once. @param option the reason @throws usage */
export function refuseUnrepeatable(inputs: readonly Input[], option: "join.correct" | "join.key"): void {
  const once = inputs.find(({ repeatable }) => !repeatable);
  if (once)
    throw new HashbrookError(
      "usage",
      `${once.name}: ${option} reads impressions twice, but a pipe can be read only once`,
      {
        hint: `write them to a file, or remove ${option} from the spec`,
      },
    );
}
