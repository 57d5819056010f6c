import { join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import { errorCode, type Files, quietly } from "../core/files.js";
import { isAlive, machineName, ownerName, ownerNamed, type ProcessId, thisProcess } from "../core/processes.js";
import { checksumOf } from "./checksum.js";

/** This process, and which others are alive; injected so that tests can simulate processes. */
export interface Processes {
  self(): ProcessId;
  alive(id: ProcessId): boolean;
}

/** The processes of this machine. */
export const systemProcesses: Processes = {
  self: () => thisProcess(machine()),
  alive(id) {
    // A pid of another boot or container means nothing here. That owner is most likely gone (a restarted container); if
    // not, it stops at its next save, which finds its lock taken.
    if (id.machine !== machine()) return false;
    return isAlive(id.pid, id.started);
  },
};

function machine(): string {
  return checksumOf(new TextEncoder().encode(machineName())).slice(0, 8);
}

/**
 * The right to write into a directory. The file's name contains everything (an empty file can be created on a full
 * disk):
 *
 * writer-<pid>-<started>-<machine>.lock
 *
 * To take the lock, a process first creates its own file, then looks for files of others: if two start at once, at
 * least one sees the other and withdraws. Files of dead processes are removed.
 */
export class WriterLock {
  /** Path of its file. */
  readonly path: string;
  private readonly files: Files;

  /** @throws checkpoint_locked when a living process holds `directory` */
  constructor(directory: string, files: Files, processes: Processes) {
    files.mkdir(directory);
    this.files = files;
    const mine = lockName(processes.self());
    this.path = join(directory, mine);
    this.raise(directory);
    try {
      const others = files.list(directory).filter((name) => name !== mine && parseLockName(name));
      for (const name of others) {
        const owner = parseLockName(name);
        if (owner && processes.alive(owner)) throw lockedBy(directory, owner.pid);
      }
      for (const name of others) files.remove(join(directory, name));
    } catch (error) {
      quietly(() => this.release());
      throw error;
    }
  }

  private raise(directory: string): void {
    try {
      this.files.close(this.files.open(this.path, "wx"));
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      throw lockedBy(directory, process.pid);
    }
  }

  /** False once another writer has taken over the directory. */
  held(): boolean {
    return this.files.stat(this.path) !== undefined;
  }

  release(): void {
    this.files.remove(this.path);
  }
}

/** The name of the file with which a process locks a directory. */
export const lockName = (id: ProcessId): string => `writer-${ownerName(id)}.lock`;

function parseLockName(name: string): ProcessId | undefined {
  const [, owner = ""] = /^writer-(.*)\.lock$/.exec(name) ?? [];
  return ownerNamed(owner);
}

function lockedBy(directory: string, pid: number): HashbrookError {
  return new HashbrookError("checkpoint_locked", `${directory}: process ${pid} is writing here`, {
    hint: "wait until it ends, stop it, or use another --out directory",
  });
}

/** The error for a writer whose lock is gone: another one has it, or the whole directory is gone. */
export function lockLost(directory: string, files: Files): HashbrookError {
  if (!files.stat(directory))
    return new HashbrookError(
      "checkpoint_write",
      `${directory}: was moved or removed while this process wrote into it`,
      {
        hint: "--resume continues from the newest checkpoint in it, wherever the directory is now",
      },
    );
  return new HashbrookError("checkpoint_locked", `${directory}: another process has taken over writing`, {
    hint: "train into a directory with one process only",
  });
}
