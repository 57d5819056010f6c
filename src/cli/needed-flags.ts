import type { Command } from "commander";
import { HashbrookError } from "../core/errors.js";
import { kebab } from "../core/texts.js";

/** Flags of `train`, by their names in commander, and those of which they need one to have any effect. */
const needs: readonly (readonly [flags: readonly string[], one: readonly string[]])[] = [
  [["group", "kafkaClient", "from", "until", "schemaRegistry", "onLostOffsets", "lingerMs"], ["kafka"]],
  [["clicksQuietMs"], ["clicksTopic"]],
  [
    ["publishMs", "precision", "snapshotEvery"],
    ["publish", "serve"],
  ],
  [["tokenFile", "insecure"], ["serve"]],
  [["host"], ["serve", "metricsPort"]],
];

/**
 * Refuses flags that would be ignored: what they ask for would silently not be done.
 * @returns the command
 * @throws HashbrookError usage
 */
export function refuseIneffective(command: Command): Command {
  const isGiven = (name: string) => command.getOptionValueSource(name) === "cli";
  for (const [flags, one] of needs) {
    const ineffective = one.some(isGiven) ? undefined : flags.find(isGiven);
    if (ineffective === undefined) continue;
    const wanted = one.map(longOf).join(" or ");
    throw new HashbrookError("usage", `${longOf(ineffective)}: has no effect without ${wanted}`, {
      hint: `add ${wanted}, or leave it out`,
    });
  }
  return command;
}

const longOf = (name: string): string => `--${kebab(name)}`;
