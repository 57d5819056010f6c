import { HashbrookError } from "../core/errors.js";
import { nearest } from "../core/nearest.js";
import type { Frozen } from "../model/model.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { learnsByEvent, suggestedTower } from "../towers/index.js";

/** Nothing is frozen: all parts learn. */
export const NOTHING = "none";

/**
 * Parses names of frozen parts: `tower`, `tables.<name>`; `none` alone: nothing.
 * @throws HashbrookError usage if the model has no such part, or cannot learn without it
 */
export function frozenParts({ tables, tower }: CompiledSpec, names: readonly string[]): Frozen {
  const wanted = names.filter((name) => name !== NOTHING);
  const known = ["tower", ...tables.map(({ name }) => `tables.${name}`)];
  for (const name of wanted) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    throw new HashbrookError("usage", `--freeze ${name}: no such part of the model`, {
      hint: meant ? `did you mean ${meant}?` : `use ${known.join(", ")}`,
    });
  }
  if (wanted.length > 0 && learnsByEvent(tower.kind))
    throw new HashbrookError(
      "usage",
      `--freeze: not supported for ${tower.kind}, which always learns all of its weights`,
      {
        hint: `use a model with a tower, such as ${suggestedTower}`,
      },
    );
  if (wanted.length === known.length && wanted.length > 0)
    throw new HashbrookError("usage", "--freeze: all parts of the model would be frozen", {
      hint: "score without learning with hashbrook eval",
    });
  return {
    tables: new Set(wanted.filter((name) => name !== "tower").map((name) => name.slice("tables.".length))),
    tower: wanted.includes("tower"),
  };
}
