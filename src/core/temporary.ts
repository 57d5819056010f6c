import { createHash } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { wallTime } from "./clock.js";
import { quietly } from "./files.js";
import { isAlive, machineName, startTime } from "./processes.js";

/** What a process that cannot be looked up has not changed for so long (ms) was left behind. */
const LEFT_MS = 86_400_000;

/** A name has at most 255 bytes, with what tells the process. */
const MOST_NAME = 60;

/** Removed when the process exits. */
const own = new Set<string>();
let count = 0;

/**
 * A new name beside `path`, hidden, for a file or folder that is not complete. Its name tells the process, so that what
 * killed processes have left under such names of the same path is recognised, and removed here.
 */
export function temporaryFor(path: string): string {
  const [folder, name] = [dirname(path), basename(path).slice(0, MOST_NAME)];
  quietly(() => removeLeft(folder, name));
  const owner = `${process.pid}-${(startTime(process.pid) ?? 0).toString(36)}-${machine()}`;
  const temporary = join(folder, `.${name}.${owner}-${++count}.tmp`);
  if (count === 1) process.once("exit", removeOwn);
  own.add(temporary);
  return temporary;
}

/** To be called when it has got its final name. */
export function keepTemporary(temporary: string): void {
  own.delete(temporary);
}

/** Removes it; no effect once it is kept. */
export function removeTemporary(temporary: string): void {
  if (own.delete(temporary)) quietly(() => rmSync(temporary, { recursive: true, force: true }));
}

function removeOwn(): void {
  for (const temporary of own) removeTemporary(temporary);
}

function removeLeft(folder: string, name: string): void {
  const prefix = `.${name}.`;
  for (const found of readdirSync(folder)) {
    if (!found.startsWith(prefix)) continue;
    const owner = OWNER.exec(found.slice(prefix.length));
    const path = join(folder, found);
    if (owner) quietly(() => isLeft(path, owner) && rmSync(path, { recursive: true, force: true }));
  }
}

/** Earlier versions gave the pid alone. */
const OWNER = /^(\d+)(?:-([0-9a-z]+)-([0-9a-f]{8}))?-\d+\.tmp$/;

/** A process of another machine or container, which may share the folder, cannot be looked up. */
function isLeft(path: string, [, pid, started, where]: readonly (string | undefined)[]): boolean {
  if (where === machine()) return !isAlive(Number(pid), Number.parseInt(started!, 36));
  return statSync(path).mtimeMs < wallTime() - LEFT_MS;
}

const machine = (): string => createHash("sha256").update(machineName()).digest("hex").slice(0, 8);
