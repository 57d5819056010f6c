import { readFileSync } from "node:fs";
import { Command, CommanderError, type Option } from "commander";
import { withoutSecrets } from "../core/address.js";
import { errorFacts, type PlainError, toPlainError } from "../core/errors.js";
import { commands, listedCommand, loadCommand } from "./commands.js";
import { checked, refuseUnknownFlags } from "./options.js";
import { forgetShown } from "./warnings.js";

const FIRST_SESSION = `
A first session:
  hashbrook simulate --rows 200000 --seed 7 --out ads.tsv
  hashbrook train --model features/ads-demo.yaml --data ads.tsv --out runs/ads
  hashbrook serve --checkpoint runs/ads`;

/**
 * Runs one command line in this process: prints to standard output and standard error, and never throws.
 * @param args the arguments after the program's name
 * @returns the exit status of docs/ERRORS.md; 0 also if the command has set process.exitCode itself
 */
export async function hashbrook(args: readonly string[]): Promise<number> {
  const [asked = "", ...flags] = args;
  forgetShown();
  try {
    const program = await programFor(args);
    for (const command of program.commands) if (command.name() === asked) refuseUnknownFlags(command, flags);
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    return error instanceof CommanderError ? misused(error, args) : failed(error, args);
  }
}

async function programFor(args: readonly string[]): Promise<Command> {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const program = new Command("hashbrook")
    .description(
      "Streaming click-through models: hashed embedding tables, FTRL and Deep Crossing, trained from events and served over HTTP.",
    )
    .version((JSON.parse(manifest) as { version: string }).version)
    .showHelpAfterError("(--help shows what this command takes)")
    .configureOutput({ outputError: (text, write) => write(withoutLogin(text)) })
    .configureHelp({
      subcommandTerm: (command) => `${command.name()} ${command.usage()}`,
      optionDescription: described,
    })
    .exitOverride();
  for (const command of await commandsFor(args)) program.addCommand(command.copyInheritedSettings(program));
  return program.addHelpText("after", FIRST_SESSION);
}

/** An option's description, with its choices and its default as they are typed. */
function described({
  description,
  argChoices,
  defaultValue,
  defaultValueDescription,
  required,
  optional,
}: Option): string {
  const takesValue = required || optional;
  const facts = [
    ...(argChoices ? [`choices: ${argChoices.join(", ")}`] : []),
    ...(takesValue && defaultValue !== undefined
      ? [`default: ${defaultValueDescription ?? [defaultValue].flat().join(", ")}`]
      : []),
  ];
  return facts.length > 0 ? `${description} (${facts.join("; ")})` : description;
}

/** The requested command; where none is, all of them as the help lists them. */
async function commandsFor(args: readonly string[]): Promise<Command[]> {
  const [name = ""] = args.filter((arg) => !arg.startsWith("-") && arg !== "help");
  if (!Object.hasOwn(commands, name)) return Object.keys(commands).map(listedCommand);
  return [checked(await loadCommand(name))];
}

/** Commander has printed its message, or the requested help. */
function misused({ exitCode, message }: CommanderError, args: readonly string[]): number {
  if (exitCode === 0) return 0;
  tellPrograms({ code: "usage", message: withoutLogin(message).replace(/^error: /, ""), hint: undefined }, args);
  return errorFacts.usage.exit;
}

/** Commander repeats an invalid argument; an address's user and password must not be shown or logged. */
function withoutLogin(text: string): string {
  return text.replace(/(?<=argument ').*@.*(?=' is invalid\.)/s, withoutSecrets);
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
