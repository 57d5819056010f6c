import { existsSync, mkdirSync, renameSync } from "node:fs";
import { dirname } from "node:path";

/**
 * A file that is made once. It gets its name when it is whole: several processes may make it at the same time.
 * @param make writes it under another name
 * @returns path
 */
export function madeOnce(path: string, make: (part: string) => void): string {
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.tmp`;
  make(part);
  renameSync(part, path);
  return path;
}
