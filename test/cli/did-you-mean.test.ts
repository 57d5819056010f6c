import { Command, CommanderError } from "commander";
import { expect, it } from "vitest";
import { loadCommand } from "../../src/cli/commands.js";
import { refuseUnknownFlags } from "../../src/cli/options.js";

/** A command's error for its arguments. */
async function errorOf(name: string, args: readonly string[]): Promise<string> {
  let text = "";
  const writeErr = (part: string) => {
    text += part;
  };
  const program = new Command().exitOverride().configureOutput({ writeErr });
  const command = (await loadCommand(name)).copyInheritedSettings(program);
  try {
    refuseUnknownFlags(command, args);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
  }
  return text;
}

it("a mistyped flag is reported with the intended one, also if a required flag is missing because of it", async () => {
  expect(await errorOf("train", ["--modle", "x", "--out", "y"])).toMatch(
    /unknown option '--modle'\n\(Did you mean --model\?\)/,
  );
  expect(await errorOf("train", ["--out", "y", "--epcohs=3"])).toContain("--epochs");
  expect(await errorOf("serve", ["--chekpoint", "x"])).toContain("--checkpoint");
});

it("known flags, their values, and arguments after -- are accepted", async () => {
  expect(await errorOf("train", ["--model", "--odd", "--data", "a", "b", "--limit=3", "--json", "--help"])).toBe("");
  expect(await errorOf("key", ["--field", "user", "--", "--odd"])).toBe("");
});
