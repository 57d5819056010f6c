import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { HashbrookError } from "./errors.js";
import { hintOf } from "./system-errors.js";

/**
 * "r" reads, "w" creates or truncates, "wx" creates and fails (EEXIST) if the path exists, "r+" modifies an existing
 * file.
 */
export type OpenFlags = "r" | "w" | "wx" | "r+";

export interface FileStat {
  readonly bytes: number;
  readonly directory: boolean;
}

/**
 * File system access for everything that must survive a crash: each method is one step that can fail or be cut short,
 * so that tests can inject a fault or a kill at every one. Methods throw Node's errors (`code: "ENOSPC"`, …).
 */
export interface Files {
  open(path: string, flags: OpenFlags): number;
  /**
   * Writes at `position` (bytes from the start); returns the number of bytes written, which may be fewer than given.
   */
  write(file: number, data: Uint8Array, position: number): number;
  /** Reads at `position`; returns the number of bytes read, which may be fewer than requested; 0 at the end. */
  read(file: number, target: Uint8Array, position: number): number;
  truncate(file: number, bytes: number): void;
  fsync(file: number): void;
  close(file: number): void;
  /** `undefined` if the path does not exist. */
  stat(path: string): FileStat | undefined;
  /** The names in a directory, sorted; none when the directory is missing. */
  list(directory: string): string[];
  /** Creates a directory and its parents, durably; existing ones are no error. */
  mkdir(directory: string): void;
  rename(from: string, to: string): void;
  /** Removes a file, or a directory with everything in it; a missing path is no error. */
  remove(path: string): void;
  /** Makes renames, creations and removals in a directory durable. */
  syncDirectory(directory: string): void;
}

function syncDirectory(directory: string): void {
  // Windows cannot open a directory; its file systems journal names themselves.
  if (process.platform === "win32") return;
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** The file system of this machine. */
export const nodeFiles: Files = {
  open: (path, flags) => openSync(path, flags),
  write: (file, data, position) => writeSync(file, data, 0, data.byteLength, position),
  read: (file, target, position) => readSync(file, target, 0, target.byteLength, position),
  truncate: (file, bytes) => ftruncateSync(file, bytes),
  fsync: (file) => fsyncSync(file),
  close: (file) => closeSync(file),
  stat: (path) => {
    const stat = statOf(path);
    return stat && { bytes: stat.size, directory: stat.isDirectory() };
  },
  list: (directory) => {
    try {
      return readdirSync(directory).sort();
    } catch (error) {
      if (errorCode(error) === "ENOENT") return [];
      throw error;
    }
  },
  mkdir: makeDirectory,
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { recursive: true, force: true }),
  syncDirectory,
};

/** A path that leads through a file (ENOTDIR) does not exist. */
function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/**
 * Creates a directory and its missing parents, durably. Node's own `recursive` loops forever if the system answers
 * ENOENT although the parent exists, as in /proc.
 */
function makeDirectory(directory: string): void {
  if (isDirectory(directory)) return;
  const parent = dirname(resolve(directory));
  if (!existsSync(parent)) makeDirectory(parent);
  try {
    mkdirSync(directory);
  } catch (error) {
    if (!isDirectory(directory)) throw error;
  }
  syncDirectory(parent);
}

function isDirectory(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

/** The system's code of a failed file operation ("ENOSPC", "ENOENT", …), if it has one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** Largest single read or write: Node refuses 2 GiB and more. */
const MOST_BYTES = 1 << 30;

/** Writes all of `data` at `position`, however short the single writes are. Returns the position after it. */
export function writeFully(files: Files, file: number, data: Uint8Array, position: number): number {
  let done = 0;
  while (done < data.byteLength) {
    const count = files.write(file, data.subarray(done, done + MOST_BYTES), position + done);
    if (count <= 0) throw new Error(`short write: ${done} of ${data.byteLength} bytes`);
    done += count;
  }
  return position + done;
}

/** Fills `target` from `position`. Returns the number of bytes read, fewer than requested only at the file's end. */
export function readFully(files: Files, file: number, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.byteLength) {
    const count = files.read(file, target.subarray(done, done + MOST_BYTES), position + done);
    if (count <= 0) break;
    done += count;
  }
  return done;
}

/** The bytes of a file of any size: Node's `readFile` refuses more than 2 GiB. */
export function readWhole(files: Files, path: string): Uint8Array {
  const bytes = new Uint8Array(files.stat(path)?.bytes ?? 0);
  const read = withFile(files, path, "r", (file) => readFully(files, file, bytes, 0));
  return bytes.subarray(0, read);
}

/** Opens `path`, hands the handle to `use`, and closes it whatever happens. */
export function withFile<T>(files: Files, path: string, flags: OpenFlags, use: (file: number) => T): T {
  const file = files.open(path, flags);
  let result: T;
  try {
    result = use(file);
  } catch (error) {
    quietly(() => files.close(file));
    throw error;
  }
  files.close(file);
  return result;
}

/** Runs a clean-up step whose own failure must not hide the failure that led to it. */
export function quietly(step: () => void): void {
  try {
    step();
  } catch {
    // The failure being cleaned up after is the one to report.
  }
}

/** Writes and fsyncs a whole file. Its name is durable only after the directory is synced. */
export function writeFile(files: Files, path: string, data: Uint8Array): void {
  withFile(files, path, "w", (file) => {
    writeFully(files, file, data, 0);
    files.fsync(file);
  });
}

/** What to do about an output that the system refused; of an input, ENOENT would say that it is not there itself. */
function outputHint(error: unknown): string | undefined {
  if (errorCode(error) === "ENOENT") return "its folder does not exist: create it, or name another place";
  return hintOf(error);
}

/** Whether a disk, or a user's share of it, is full. */
export const isFull = (error: unknown): boolean => ["ENOSPC", "EDQUOT"].includes(errorCode(error) ?? "");

/** The error for an output that a command cannot write: a file, or "-". */
export function outputError(path: string, cause: unknown): HashbrookError {
  const hint = outputHint(cause);
  return new HashbrookError("source_unreadable", `${path}: cannot be written: ${(cause as Error).message}`, {
    hint,
    cause,
  });
}

/**
 * The error for a failed write to `path`: `checkpoint_write`, naming the system's reason. Errors with a code of ours
 * pass unchanged.
 */
export function writeError(path: string, error: unknown): HashbrookError {
  if (error instanceof HashbrookError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const hint = isFull(error)
    ? "Free some space and run the command again (train: with --resume); what was saved before is intact."
    : outputHint(error);
  return new HashbrookError("checkpoint_write", `${path}: could not be written: ${reason}`, { hint, cause: error });
}
