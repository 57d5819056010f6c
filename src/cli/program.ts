import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { errorFacts, type PlainError, toPlainError } from "../core/errors.js";
import { commands } from "./commands.js";
import { checked, refuseUnknownFlags } from "./options.js";
import { forgetTold } from "./warnings.js";

const FIRST_SESSION = `
A first session:
  hashbrook simulate --rows 200000 --seed 7 --out ads.tsv
  hashbrook train --model features/ads-demo.yaml --data ads.tsv --out runs/ads
  hashbrook serve --checkpoint runs/ads`;

/**
 * Runs one command line in this process: prints to standard output and standard error, and never throws.
 * @param args what follows the program's name
 * @returns the exit status of docs/ERRORS.md; 0 also if the command has set process.exitCode itself
 */
export async function hashbrook(args: readonly string[]): Promise<number> {
  const [asked = "", ...flags] = args;
  forgetTold();
  const program = await programFor(asked);
  try {
    for (const command of program.commands) if (command.name() === asked) refuseUnknownFlags(command, flags);
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    return error instanceof CommanderError ? misused(error, args) : failed(error, args);
  }
}

async function programFor(asked: string): Promise<Command> {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const program = new Command("hashbrook")
    .description(
      "Streaming click-through models: hashed embedding tables, FTRL and Deep Crossing, trained from events and served over HTTP.",
    )
    .version((JSON.parse(manifest) as { version: string }).version)
    .showHelpAfterError("(--help shows what this command takes)")
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .exitOverride();
  for (const name of namesFor(asked)) {
    const command = checked(await commands[name]());
    program.addCommand(command.copyInheritedSettings(program));
  }
  return program.addHelpText("after", FIRST_SESSION);
}

/** The commands to load for this start: all of them only if the help needs them. */
function namesFor(asked: string): readonly string[] {
  if (asked === "--version" || asked === "-V") return [];
  return Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands);
}

/** Commander has printed its message, or the requested help. */
function misused({ exitCode, message }: CommanderError, args: readonly string[]): number {
  if (exitCode === 0) return 0;
  tellPrograms({ code: "usage", message: message.replace(/^error: /, ""), hint: undefined }, args);
  return errorFacts.usage.exit;
}

function failed(error: unknown, args: readonly string[]): number {
  const { code, message, hint } = toPlainError(error);
  if (code === "output_closed") return errorFacts[code].exit;
  tellPrograms({ code, message, hint }, args);
  process.stderr.write(`hashbrook: ${message}${hint ? `\n  ${hint}` : ""}\n`);
  return errorFacts[code].exit;
}

function tellPrograms(error: PlainError, args: readonly string[]): void {
  if (args.includes("--json")) process.stdout.write(`${JSON.stringify({ error })}\n`);
}
