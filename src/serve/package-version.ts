import { readFileSync } from "node:fs";
import { builtFile } from "../core/built-file.js";

/** The package's. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(builtFile("../package.json"), "utf8")) as { version: string }).version;
}
