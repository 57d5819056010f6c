import { existsSync } from "node:fs";
import { Command, Option } from "commander";
import { grouped } from "../core/digits.js";
import { HashbrookError } from "../core/errors.js";
import { Output, writeOut } from "../core/output.js";
import { oneLine } from "../core/texts.js";
import { type Draft, type DraftOptions, draftSpec, draftTowers } from "../draft/draft.js";
import { quoted } from "../report/commands.js";
import { counting } from "./options.js";
import { counted } from "./progress.js";

interface Flags {
  data: string[];
  out?: string;
  label?: string;
  positive?: string;
  tower: NonNullable<DraftOptions["tower"]>;
  name?: string;
  rows: number;
  force?: true;
  json?: true;
}

export function initCommand(): Command {
  return new Command("init")
    .requiredOption(
      "--data <file...>",
      'files in order (patterns, .gz, .zst, .parquet, .arrow, .avro), or "-" for stdin',
    )
    .option("--out <file>", "new file to write the spec to (default: stdout)")
    .option(
      "--label <column>",
      "column or JSON path of the label (default: one with a common label name, or the only one with two values)",
    )
    .option(
      "--positive <value>",
      "label value of positives, or a threshold such as '>= 4' (default: inferred from the values)",
    )
    .addOption(new Option("--tower <name>", "architecture of the model").choices(draftTowers).default(draftTowers[0]))
    .option("--name <name>", "name of the model (default: the file's name)")
    .option("--rows <n>", "events to read", counting, 50_000)
    .option("--force", "overwrite --out")
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Events are lines of columns (separated by tab, comma, semicolon, bar or \\x01, with or without a header), or JSON
objects. A column with a common label name (label, click, target, rating …) becomes the label; one with dates, or with
seconds or milliseconds since 1970, the event time. Columns that are always the same, always missing, or different in
every event are left out. The draft is a starting point: read it, correct it, and check it. features/README.md explains
every key.

Examples:
  hashbrook init --data clicks.csv --out clicks.yaml
  hashbrook init --data 'events-*.json.gz' --label event.clicked --out shop.yaml
  hashbrook init --data ratings.csv --label rating --positive '>= 4' --tower lr`,
    )
    .action(run);
}

async function run({ out, force, json, ...options }: Flags): Promise<void> {
  if (out !== undefined && out !== "-" && !force && existsSync(out))
    throw new HashbrookError("output_exists", `${out}: already exists`, {
      hint: "give another file, or overwrite it with --force",
    });
  const draft = out === undefined ? await draftSpec(options) : await written(out, options);
  if (out === undefined && !json) process.stdout.write(draft.spec);
  if (json) process.stdout.write(`${JSON.stringify({ out: out ?? null, ...draft })}\n`);
  else process.stderr.write(`${draftText(draft, out, options.data)}\n`);
}

/** Drafts a spec into a file, which is opened first: events may take long to read, or come from a pipe. */
async function written(path: string, options: DraftOptions & Pick<Flags, "data">): Promise<Draft> {
  const output = Output.open(path, options.data);
  try {
    const draft = await draftSpec(options);
    await writeOut(output, Buffer.from(draft.spec));
    output.commit();
    return draft;
  } finally {
    output.discard();
  }
}

/** A draft's findings as text. */
export function draftText(
  { rows, columns, notes, passes, check }: Draft,
  out: string | undefined,
  data: readonly string[],
): string {
  const width = Math.min(32, Math.max(...columns.map(({ from }) => oneLine(from).length)));
  const lines = columns.map(
    ({ from, role, type, why }) =>
      `  ${oneLine(from).padEnd(width)}  ${(type ?? role.replace("_", " ")).padEnd(11)}  ${why}`,
  );
  const doubts = check?.warnings.map(({ message, hint }) => `warning: ${message}\n  ${hint}`) ?? [];
  const fit = check ? [`${grouped(check.accepted)} of ${grouped(check.rows)} events fit the spec`] : [];
  const next = out === undefined || out === "-" ? [] : nextSteps(out, data, { passes, fits: check?.accepted !== 0 });
  return [
    `${counted(rows, "event", grouped(rows))} read`,
    ...lines,
    ...notes.map((note) => `note: ${oneLine(note)}`),
    ...doubts,
    ...fit,
    ...next,
  ].join("\n");
}

/** @param fits false if no event fits the spec */
function nextSteps(
  spec: string,
  data: readonly string[],
  { passes, fits }: Pick<Draft, "passes"> & { readonly fits: boolean },
): string[] {
  const files = data.map(quoted).join(" ");
  const epochs = passes === 1 ? "" : ` --epochs ${passes} --validate-last 10% --early-stop 1`;
  const check = `  hashbrook check --model ${quoted(spec)} --data ${files}`;
  if (!fits) return [`next: correct ${spec} or the data, then`, check];
  return [
    `next: read ${spec}, then`,
    check,
    `  hashbrook train --model ${quoted(spec)} --data ${files} --out runs/first${epochs}`,
  ];
}
