import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { parseAllDocuments } from "yaml";
import { produceCommand } from "../../src/cli/produce.js";
import { serveCommand } from "../../src/cli/serve.js";
import { trainCommand } from "../../src/cli/train.js";

export const text = (name: string) => readFileSync(name, "utf8");

/** A file's YAML documents; the document itself if there is only one. */
export function yaml<T>(name: string): T[] {
  return parseAllDocuments(text(name), { merge: true, uniqueKeys: true }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() as T;
  });
}

const commands: Record<string, () => Command> = { train: trainCommand, serve: serveCommand, produce: produceCommand };

/** Flags of a command line that the program does not accept. */
export function unknownFlags([, name, ...args]: readonly string[]): string[] {
  const known = commands[name]().options.flatMap(({ long }) => long ?? []);
  return args.filter((arg) => arg.startsWith("--") && !known.includes(arg.split("=")[0]));
}
