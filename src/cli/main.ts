#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { errorFacts, type PlainError, toPlainError } from "../core/errors.js";
import { commands } from "./commands.js";
import { checked, refuseUnknownFlags } from "./options.js";

// A reader that has gone (`| head`) wants no more; the command goes on, as what it learns or saves is not for the reader.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("hashbrook")
  .description(
    "Streaming click-through models: hashed embedding tables, FTRL and Deep Crossing, trained from events and served over HTTP.",
  )
  .version(version)
  .showHelpAfterError("(--help shows what this command takes)")
  .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
  .exitOverride();

const asked = process.argv[2] ?? "";
for (const name of Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands)) {
  const command = checked(await commands[name]());
  program.addCommand(command.copyInheritedSettings(program));
}

program.addHelpText(
  "after",
  `
A first session:
  hashbrook simulate --rows 200000 --seed 7 --out ads.tsv
  hashbrook train --model features/ads-demo.yaml --data ads.tsv --out runs/ads
  hashbrook serve --checkpoint runs/ads`,
);

try {
  for (const command of program.commands)
    if (command.name() === asked) refuseUnknownFlags(command, process.argv.slice(3));
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? misused(error) : failed(error);
}

/** Commander has written its message, or the help that was asked for. */
function misused({ exitCode, message }: CommanderError): number {
  if (exitCode === 0) return 0;
  tellPrograms({ code: "usage", message: message.replace(/^error: /, ""), hint: undefined });
  return errorFacts.usage.exit;
}

function failed(error: unknown): number {
  const { code, message, hint } = toPlainError(error);
  if (code === "output_closed") return errorFacts[code].exit;
  tellPrograms({ code, message, hint });
  process.stderr.write(`hashbrook: ${message}${hint ? `\n  ${hint}` : ""}\n`);
  return errorFacts[code].exit;
}

function tellPrograms(error: PlainError): void {
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify({ error })}\n`);
}
