import type { Command } from "commander";

/** A command line as it was given: what follows the program's name. */
export function argumentsOf(command: Command): readonly string[] {
  return (command.parent as (Command & { readonly rawArgs?: readonly string[] }) | null)?.rawArgs ?? [];
}
