import { Command, CommanderError } from "commander";
import { expect, it } from "vitest";
import { loadCommand } from "../../src/cli/commands.js";
import { refuseUnknownFlags } from "../../src/cli/options.js";

/** What a command says of its arguments. */
async function said(name: string, args: readonly string[]): Promise<string> {
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

it("a mistyped flag names the one that was meant, also where a required one is missing for it", async () => {
  expect(await said("train", ["--modle", "x", "--out", "y"])).toMatch(
    /unknown option '--modle'\n\(Did you mean --model\?\)/,
  );
  expect(await said("train", ["--out", "y", "--epcohs=3"])).toContain("--epochs");
  expect(await said("serve", ["--chekpoint", "x"])).toContain("--checkpoint");
});

it("flags that are there, their values, and what stands behind -- are no mistakes", async () => {
  expect(await said("train", ["--model", "--odd", "--data", "a", "b", "--limit=3", "--json", "--help"])).toBe("");
  expect(await said("key", ["--field", "user", "--", "--odd"])).toBe("");
});
