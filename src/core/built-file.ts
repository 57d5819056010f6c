import { existsSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The URL of a file made by the build. Works from a bundle, from a separate module and, in the tests, from the sources.
 * @param path below `dist`
 */
export function builtFile(path: string): URL {
  return new URL(`dist/${path}`, packageFolder());
}

/** Where the shipped specs are, as a path from the current folder if they are below it. */
export function shippedSpecs(): string {
  const path = fileURLToPath(new URL("features", packageFolder()));
  const below = relative(process.cwd(), path) || ".";
  return `${below.startsWith("..") ? path : below}/`;
}

function packageFolder(): URL {
  for (let folder = new URL(".", import.meta.url); ; folder = new URL("..", folder)) {
    if (existsSync(new URL("package.json", folder))) return folder;
    if (folder.pathname === new URL("..", folder).pathname)
      throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}: install the whole package`);
  }
}
