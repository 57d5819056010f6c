import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.js";

const home = resolve(import.meta.dirname, "../..");
const filesIn = (folder: string, ending: string) =>
  readdirSync(join(home, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending) && !name.includes("node_modules"))
    .map((name) => join(folder, name));

interface CommandLine {
  readonly file: string;
  readonly command: string;
  readonly flags: readonly string[];
}

/** The program's command lines in a text, with their flags up to the end of the command, its quotation or its line. */
function commandLinesOf(file: string): CommandLine[] {
  const text = readFileSync(join(home, file), "utf8").replace(/\\\n/g, " ");
  const lines = text.matchAll(/(?<![\w/.@-])hashbrook ([a-z\d]+)((?: (?!#)[^\n`|;&)]*?)?)(?= #|[\n`|;&)]|$)/g);
  return [...lines].map(([, command, rest]) => ({
    file,
    command,
    flags: [...rest.matchAll(/(?<=\s)--[a-z][\w-]*/g)].map(([flag]) => flag),
  }));
}

/** Commands and flags of these lines that are not there. */
async function wrongOf(lines: readonly CommandLine[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const { file, command, flags } of lines) {
    if (!Object.hasOwn(commands, command)) wrong.push(`${file}: ${command}`);
    else {
      const known = (await commands[command].load()).options.map(({ long }) => long);
      wrong.push(...flags.filter((flag) => !known.includes(flag)).map((flag) => `${file}: ${command} ${flag}`));
    }
  }
  return wrong;
}

describe("command lines name commands and flags that are there", () => {
  it("in the documents", async () => {
    const documents = [...filesIn("docs", ".md"), ...filesIn("examples", ".md"), "README.md", "features/README.md"];
    const lines = documents.flatMap(commandLinesOf);
    expect(lines.length).toBeGreaterThan(60);
    expect(await wrongOf(lines)).toEqual([]);
  });

  it("in the hints of errors and in the help", async () => {
    const lines = filesIn("src", ".ts").flatMap(commandLinesOf);
    const withFlags = lines.filter(({ flags }) => flags.length > 0);
    expect(withFlags.length).toBeGreaterThan(40);
    expect(await wrongOf(withFlags)).toEqual([]);
  });
});
