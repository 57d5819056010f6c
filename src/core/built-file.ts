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

/** Where the shipped specs are, as a path from the current folder. */
export function shippedSpecs(): string {
  return `${relative(process.cwd(), fileURLToPath(new URL("features", packageFolder()))) || "."}/`;
}

function packageFolder(): URL {
  let folder = new URL(".", import.meta.url);
  while (!existsSync(new URL("package.json", folder))) folder = new URL("..", folder);
  return folder;
}
