import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { Plugin } from "vitest/config";

const ROOT = resolve(import.meta.dirname, "..");
const [SRC, DIST] = [join(ROOT, "src"), join(ROOT, "dist")];

/**
 * Modules of `src` that tests import are loaded as they are built: the code that is shipped, which Node loads by itself, while vitest
 * translates a source for every run and calls across modules through an object. Where a source is newer than the build, sources are.
 */
export function built(): Plugin {
  const isBuilt = newest(SRC) <= timeOf(join(DIST, "index.js"));
  return {
    name: "built",
    enforce: "pre",
    resolveId(id, importer) {
      if (!isBuilt || importer === undefined || !id.startsWith(".")) return null;
      const place = relative(SRC, resolve(dirname(importer), id));
      const path = join(DIST, place);
      return place.startsWith("..") || !existsSync(path) ? null : path;
    },
  };
}

const newest = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .reduce((most, name) => Math.max(most, timeOf(join(folder, name))), 0);

const timeOf = (path: string) => (existsSync(path) ? statSync(path).mtimeMs : 0);
