import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.js";
import * as library from "../../src/index.js";
import { parseSpec } from "../../src/spec/parse.js";

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

it("defaults that the documents give in brackets after a flag are the flag's", async () => {
  const all = await Promise.all(Object.values(commands).map(({ load }) => load()));
  const options = all.flatMap((command) => command.options);
  const isDefault = (flag: string, value: number) =>
    options.some(
      ({ long, defaultValue, description }) =>
        long === flag && (defaultValue === value || new RegExp(`default: ${value}\\b`).test(description)),
    );
  const documents = [...filesIn("docs", ".md"), "README.md", "SECURITY.md"].map((file) => [
    file,
    readFileSync(join(home, file), "utf8"),
  ]);
  const given = documents.flatMap(([file, text]) =>
    [...text.matchAll(/`(--[a-z-]+)`[^`.;|(]{0,30}\((\d+(?:,\d{3})*)( %| s)?(?=[);: ]|, )/g)].map(
      ([said, flag, number, unit]) => {
        const scale = unit === " %" ? 0.01 : unit === " s" && flag.endsWith("-ms") ? 1000 : 1;
        return { said: `${file}: ${said}`, right: isDefault(flag, Number(number.replaceAll(",", "")) * scale) };
      },
    ),
  );
  expect(given.length).toBeGreaterThan(10);
  expect(given.filter(({ right }) => !right).map(({ said }) => said)).toEqual([]);
});

it("parts of specs in the documents have the keys and values that specs may have", () => {
  const documents = [...filesIn("docs", ".md"), "README.md", "features/README.md"];
  const parts = documents.flatMap((file) =>
    [...readFileSync(join(home, file), "utf8").matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text]) => ({ file, text })),
  );
  expect(parts.length).toBeGreaterThan(10);
  const problemsOf = ({ file, text }: { file: string; text: string }) => {
    try {
      parseSpec(text, join(home, file));
      return [];
    } catch (error) {
      return (error as Error).message.split("\n").filter((line) => !/is missing/.test(line));
    }
  };
  expect(parts.flatMap(problemsOf)).toEqual([]);
});

describe("README.md", () => {
  const readme = readFileSync(join(home, "README.md"), "utf8");
  const sectionOf = (title: string) => readme.split(/^## /m).find((section) => section.startsWith(title)) ?? "";
  const codesOf = (line: string) => [...line.matchAll(/`([\w-]+)`/g)].map(([, name]) => name);

  it("lists every command", () => {
    const rows = [...sectionOf("Commands").matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, names]) => codesOf(names));
    expect(rows.sort()).toEqual(Object.keys(commands).sort());
  });

  it("names functions that are exported", () => {
    const [line] = /^Every other command has a function.*$/m.exec(readme)!;
    const named = codesOf(line).filter((name) => !Object.hasOwn(commands, name) || name in library);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => name !== "init" && !(name in library))).toEqual([]);
  });

  it("has the learning figures of bench/results", () => {
    const resultOf = (name: string) =>
      JSON.parse(readFileSync(join(home, `bench/results/${name}.json`), "utf8")).result;
    const { globo, simulator } = resultOf("learning");
    const { ffm, ffm_wide, deep_ffm } = resultOf("ffm");
    const { tmall } = resultOf("attention");
    const row = (of: Record<string, number>, auc = of.auc) => [
      auc,
      of.auc_second_half ?? of.second_half_auc,
      of.logloss,
    ];
    const last = (of: Record<string, number>) => row(of, of.auc_last_tenth);
    const measured = [
      ...["lr", "fm"].map((name) => row(globo[`globo-${name}`])),
      ...[ffm, ffm_wide, deep_ffm].map(({ hashbrook }) => row(hashbrook)),
      ...["deep-crossing", "deep-crossing-adagrad", "dcn-v2"].map((name) => row(globo[`globo-${name}`])),
      ...[tmall.attention, tmall.mean].map((of) => row(of)),
      ...[simulator.deep_crossing, simulator.deep_crossing_adagrad, simulator.lr].map(last),
    ].map((figures) => figures.map((figure) => Math.round((figure + 1e-9) * 1e4) / 1e4));
    const written = [...readme.matchAll(/\| (0\.\d+) \| (0\.\d+) \| (0\.\d+) \|$/gm)].map(([, ...cells]) =>
      cells.map(Number),
    );
    expect(written).toEqual(measured);
  });
});
