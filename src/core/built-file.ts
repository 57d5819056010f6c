import { existsSync } from "node:fs";

/**
 * A file that the build makes, whether this module runs from a bundle, from a module of its own or, in the tests, from its source.
 * @param path below `dist`
 */
export function builtFile(path: string): URL {
  let folder = new URL(".", import.meta.url);
  while (!existsSync(new URL("package.json", folder))) folder = new URL("..", folder);
  return new URL(`dist/${path}`, folder);
}
