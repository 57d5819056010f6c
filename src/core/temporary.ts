import { createHash } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { threadId } from "node:worker_threads";
import { wallTime } from "./clock.js";
import type { HashbrookError } from "./errors.js";
import { type Files, nodeFiles, quietly } from "./files.js";
import { isAlive, machineName, ownerName, ownerNamed, thisProcess } from "./processes.js";

/** What a process that cannot be looked up has not changed for so long (ms) was left behind. */
const LEFT_MS = 86_400_000;

/** A name has at most 255 bytes, with what tells the process. */
const MOST_NAME = 60;

/** Removed when the process exits. */
const own = new Set<string>();
let count = 0;
/** Folders that were swept as a whole. */
const swept = new WeakMap<Files, Set<string>>();

/**
 * A new name beside `path`, hidden, for a file or folder that is not complete. Its name tells the process, so that what
 * killed processes have left under such names of the same path is recognised, and removed here. No two writers of a path
 * get the same name.
 */
export function temporaryFor(path: string, files: Files = nodeFiles): string {
  const folder = dirname(path);
  const name = basename(path).slice(0, MOST_NAME);
  if (!sweptOf(files).has(folder)) quietly(() => removeLeft(files, folder, name));
  const temporary = join(folder, `.${name}.${owner()}-${threadId * 2 ** 32 + ++count}.tmp`);
  if (count === 1) process.once("exit", removeOwn);
  own.add(temporary);
  return temporary;
}

/**
 * Creates and removes a file in a folder, or in the nearest one above that exists: what would make writing fail is found
 * before the work whose result is to be written.
 * @param failed the error that is thrown if it cannot be written
 */
export function tryFolder(
  folder: string,
  failed: (folder: string, cause: unknown) => HashbrookError,
  files: Files = nodeFiles,
): void {
  let nearest = resolve(folder);
  while (!files.stat(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  const temporary = temporaryFor(join(nearest, "try"), files);
  try {
    files.close(files.open(temporary, "wx"));
  } catch (cause) {
    throw failed(folder, cause);
  } finally {
    removeTemporary(temporary, files);
  }
}

/** To be called when it has got its final name. */
export function keepTemporary(temporary: string): void {
  own.delete(temporary);
}

/** Removes it; no effect once it is kept. */
export function removeTemporary(temporary: string, files: Files = nodeFiles): void {
  if (own.delete(temporary)) quietly(() => files.remove(temporary));
}

/** Whether a file or folder has not changed for so long that a process which cannot be looked up has left it. */
export const isOld = (path: string): boolean => statSync(path).mtimeMs < wallTime() - LEFT_MS;

/**
 * Removes what killed processes have left under such names of any path in a folder, and only once: folders of many files
 * take long to list.
 */
export function sweepTemporaries(folder: string, files: Files): void {
  if (sweptOf(files).has(folder)) return;
  sweptOf(files).add(folder);
  quietly(() => removeLeft(files, folder));
}

function sweptOf(files: Files): Set<string> {
  if (!swept.has(files)) swept.set(files, new Set());
  return swept.get(files)!;
}

function removeOwn(): void {
  for (const temporary of own) quietly(() => rmSync(temporary, { recursive: true, force: true }));
}

/** Earlier versions gave the pid alone, or the start time in another notation. */
const TEMPORARY = /^\.(.+)\.(\d+(?:-\w+-[0-9a-f]{8})?)-\d+\.tmp$/;

/** @param name of the path; undefined: any */
function removeLeft(files: Files, folder: string, name?: string): void {
  for (const found of files.list(folder)) {
    const [, of, owner] = TEMPORARY.exec(found) ?? [];
    const path = join(folder, found);
    if (of !== undefined && (name ?? of) === of) quietly(() => isLeft(path, owner) && files.remove(path));
  }
}

/** A process of another machine or container, which may share the folder, cannot be looked up. */
function isLeft(path: string, owner: string): boolean {
  const process = ownerNamed(owner);
  return process?.machine === machine() ? !isAlive(process.pid, process.started) : isOld(path);
}

let machineId: string | undefined;
let ownName: string | undefined;

/** This machine or container. Not what locks call it: their XXH64 is a kernel's, which `core` does not load. */
function machine(): string {
  machineId ??= createHash("sha256").update(machineName()).digest("hex").slice(0, 8);
  return machineId;
}

/** This process. */
function owner(): string {
  ownName ??= ownerName(thisProcess(machine()));
  return ownName;
}
