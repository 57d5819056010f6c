import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Whether a path contains a wildcard: `*`, `?` or `[`. */
export function isGlob(path: string): boolean {
  return /[*?[]/.test(path);
}

/**
 * The files a pattern matches, sorted by path (code-unit order, so the same on every machine).
 * `*` and `?` match within a name, `[a-c]` and `[!a-c]` one character, `**` any number of folders (links to folders are
 * not followed). A leading dot is matched only by a dot, as in a shell.
 * @param folder where a relative pattern starts; the paths returned are relative to it, as the pattern is
 */
export function glob(pattern: string, folder: string): string[] {
  const absolute = pattern.startsWith("/");
  const found = new Set<string>();
  const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
  const inFolder = (path: string) => (absolute ? path : join(folder, path));
  expand(absolute ? "/" : "", parts, inFolder, found);
  return [...found].sort();
}

function expand(base: string, parts: readonly string[], inFolder: (path: string) => string, found: Set<string>): void {
  const [part, ...rest] = parts;
  if (part === undefined) {
    if (statSync(inFolder(base), { throwIfNoEntry: false })?.isDirectory() === false) found.add(base);
    return;
  }
  const below = (name: string, remaining: readonly string[]) => expand(join(base, name), remaining, inFolder, found);
  if (part === "**") {
    expand(base, rest, inFolder, found);
    for (const entry of entries(inFolder(base)))
      if (entry.isDirectory() && !entry.name.startsWith(".")) below(entry.name, parts);
  } else if (isGlob(part)) {
    const pattern = nameMatcher(part);
    for (const entry of entries(inFolder(base))) if (pattern.test(entry.name)) below(entry.name, rest);
  } else if (existsSync(inFolder(join(base, part)))) below(part, rest);
}

function entries(folder: string) {
  return statSync(folder || ".", { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(folder || ".", { withFileTypes: true })
    : [];
}

/** One path segment's pattern as a regular expression. */
function nameMatcher(pattern: string): RegExp {
  const source = pattern.replace(/\[(!?)([^\]]+)\]|[*?]|[\\^$.|+(){}[\]]/g, (token, not: string, set: string) => {
    if (token === "*") return "[^/]*";
    if (token === "?") return "[^/]";
    if (set === undefined) return `\\${token}`;
    return `[${not ? "^" : ""}${set.replace(/[\\^]/g, "\\$&")}]`;
  });
  return new RegExp(`^${/^[*?[]/.test(pattern) ? "(?!\\.)" : ""}${source}$`, "su");
}
