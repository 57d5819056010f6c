import { readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../train/commands-file.js";
import type { Section } from "./content.js";

/** The command lines that made a directory, if known. */
export function commandsSection(directory: string): Section[] {
  const lines = commandLines(directory);
  return lines.length === 0 ? [] : [{ id: "commands", title: "Command lines", text: lines.join("\n") }];
}

function commandLines(directory: string): string[] {
  let text: string;
  try {
    text = readFileSync(join(directory, COMMANDS), "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    try {
      const { command } = JSON.parse(line) as { command: unknown };
      return Array.isArray(command) ? [["hashbrook", ...command.map((word) => quoted(String(word)))].join(" ")] : [];
    } catch {
      return [];
    }
  });
}

/** A word, quoted for a shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
