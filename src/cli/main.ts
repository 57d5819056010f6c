#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { errorFacts, toPlainError } from "../core/errors.js";
import { demoCommand } from "./demo.js";
import { evalCommand } from "./eval.js";
import { exportCommand } from "./export.js";
import { inspectCommand } from "./inspect.js";
import { keyCommand } from "./key.js";
import { lagCommand } from "./lag.js";
import { migrateCommand } from "./migrate.js";
import { predictCommand } from "./predict.js";
import { produceCommand } from "./produce.js";
import { replayCommand } from "./replay.js";
import { serveCommand } from "./serve.js";
import { simulateCommand } from "./simulate.js";
import { trainCommand } from "./train.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("hashbrook")
  .description(
    "Streaming click-through models: hashed embedding tables, FTRL and Deep Crossing, trained from events and served over HTTP.",
  )
  .version(version)
  .showHelpAfterError("(--help shows what this command takes)")
  .configureHelp({ sortSubcommands: false, showGlobalOptions: false });

for (const command of [
  demoCommand,
  simulateCommand,
  trainCommand,
  evalCommand,
  predictCommand,
  serveCommand,
  inspectCommand,
  exportCommand,
  keyCommand,
  produceCommand,
  lagCommand,
  replayCommand,
  migrateCommand,
]) {
  program.addCommand(command());
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
  await program.parseAsync();
} catch (error) {
  const { code, message, hint } = toPlainError(error);
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  process.stderr.write(`hashbrook: ${message}${hint ? `\n  ${hint}` : ""}\n`);
  process.exitCode = errorFacts[code].exit;
}
