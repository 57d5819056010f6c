import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readlinkSync,
  renameSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HashbrookError } from "./errors.js";
import { errorCode, nodeFiles, outputError, quietly } from "./files.js";
import { keepTemporary, removeTemporary, temporaryFor } from "./temporary.js";

/** Between attempts to write into a full pipe. */
const FULL_MS = 5;
const MAX_LINKS = 40;

/** The destination of a command's output: its name as the user gave it, and the open file. */
export interface OutputFile {
  readonly name: string;
  readonly file: number;
}

/**
 * A file that a command writes. It is written under a hidden temporary name and renamed when complete, so its name
 * never stands for a partial file; a symbolic link stays one. Pipes, devices, "-" and names of open files (/dev/stdout,
 * /dev/fd/3) are written directly.
 */
export class Output implements OutputFile {
  readonly name: string;
  readonly file: number;
  /** null: written directly. */
  private readonly beside: { readonly temporary: string; readonly target: string } | null;
  private open = true;

  private constructor(name: string, file: number, beside: Output["beside"]) {
    this.name = name;
    this.file = file;
    this.beside = beside;
  }

  /**
   * @param path a file, or "-" for standard output
   * @param inputs files that are read meanwhile ("-": standard input); missing ones are ignored
   * @throws HashbrookError usage if the output is one of the inputs, under whatever name, or a folder;
   * source_unreadable
   */
  static open(path: string, inputs: readonly string[] = []): Output {
    refuseInputs(path, inputs);
    const descriptor = descriptorOf(path);
    if (descriptor !== null) return new Output(path, descriptor, null);
    try {
      const found = statSync(path, { throwIfNoEntry: false });
      if (found && !found.isFile()) return new Output(path, openSync(path, "w"), null);
      const target = linkedTo(path);
      const temporary = temporaryFor(target);
      const file = openSync(temporary, "wx");
      if (found) quietly(() => fchmodSync(file, found.mode & 0o7777));
      return new Output(path, file, { temporary, target });
    } catch (cause) {
      throw outputError(path, cause);
    }
  }

  /**
   * Renames the file to its final name, durably. @throws HashbrookError source_unreadable; the name then keeps its
   * previous content, unless only its durability failed
   */
  commit(): void {
    const { beside } = this;
    try {
      if (beside) fsyncSync(this.file);
      this.close();
      if (!beside) return;
      renameSync(beside.temporary, beside.target);
      keepTemporary(beside.temporary);
      nodeFiles.syncDirectory(dirname(beside.target));
    } catch (cause) {
      this.discard();
      throw outputError(this.name, cause);
    }
  }

  /** Removes the temporary file, leaving the name as it was. No effect after `commit`. */
  discard(): void {
    quietly(() => this.close());
    if (this.beside) removeTemporary(this.beside.temporary);
  }

  private close(): void {
    if (!this.open || descriptorOf(this.name) !== null) return;
    this.open = false;
    closeSync(this.file);
  }
}

/** Writes a whole output. @throws as `Output.open`, `writeOut` and `commit` */
export async function writeOutput(path: string, bytes: Uint8Array): Promise<void> {
  const output = Output.open(path);
  try {
    await writeOut(output, bytes);
    output.commit();
  } finally {
    output.discard();
  }
}

/**
 * Writes all of `bytes`, waiting while a pipe is full.
 * @throws HashbrookError output_closed if a pipe's reader is gone; source_unreadable
 */
export async function writeOut(out: OutputFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const written = tryWrite(out, bytes, at);
    if (written === 0) await sleep(FULL_MS);
    at += written;
  }
}

/**
 * @returns bytes written: 0 where a pipe is full, since Node makes standard output non-blocking once a thread is
 *   started
 */
function tryWrite({ name, file }: OutputFile, bytes: Uint8Array, at: number): number {
  try {
    return writeSync(file, bytes, at);
  } catch (cause) {
    if (errorCode(cause) === "EAGAIN") return 0;
    if (errorCode(cause) === "EPIPE") throw new HashbrookError("output_closed", `${name}: closed by its reader`);
    throw outputError(name, cause);
  }
}

/**
 * Refuses an output that is one of the inputs, under another name, through a link, or by a shell's redirection.
 * @throws HashbrookError usage
 */
export function refuseInputs(path: string, inputs: readonly string[]): void {
  const output = identity(path);
  if (output?.isDirectory()) {
    throw new HashbrookError("usage", `--out ${path}: is a folder`, { hint: "give the path of a file" });
  }
  if (!output || !(output.isFile() || output.isFIFO())) return;
  for (const input of inputs) {
    const found = input === "-" ? fstatSync(0) : identity(input);
    if (found?.dev !== output.dev || found.ino !== output.ino) continue;
    const same = input === path ? "" : `, the same file as ${input}`;
    throw new HashbrookError("usage", `--out ${path}: is also an input${same}`, {
      hint: "give another path: an output never overwrites an input",
    });
  }
}

function identity(path: string): Stats | undefined {
  const descriptor = descriptorOf(path);
  try {
    return descriptor === null ? statSync(path, { throwIfNoEntry: false }) : fstatSync(descriptor);
  } catch {
    return undefined;
  }
}

/** The file descriptor that a name stands for (/dev/fd/3), null for other names. */
function descriptorOf(path: string): number | null {
  if (path === "-" || path === "/dev/stdout") return 1;
  if (path === "/dev/stderr") return 2;
  const match = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path);
  return match ? Number(match[1]) : null;
}

/** The target of a chain of links, whether it exists or not. */
function linkedTo(path: string): string {
  let target = resolve(path);
  for (let links = 0; links < MAX_LINKS; links++) {
    if (!lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink()) return target;
    target = resolve(dirname(target), readlinkSync(target));
  }
  return target;
}
