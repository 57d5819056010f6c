import type { Command } from "commander";

/** The command line as given, without the program's name. */
export function argumentsOf(command: Command): readonly string[] {
  return (command.parent as (Command & { readonly rawArgs?: readonly string[] }) | null)?.rawArgs ?? [];
}
