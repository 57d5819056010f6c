import { existsSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { lockName, systemProcesses } from "../../checkpoints/lock.js";
import { HashbrookError } from "../../core/errors.js";
import { nodeFiles, quietly } from "../../core/files.js";
import { isAlive, ownerName, ownerNamed } from "../../core/processes.js";
import { isOld } from "../../core/temporary.js";
import { isCacheName } from "../../event-cache/names.js";
import type { OpenOrMakeOptions } from "../../event-cache/open-or-make.js";
import type { Input } from "../../sources/reader.js";
import { inputsFor } from "../../sources/source.js";
import type { Job } from "../job.js";

/** From this many passes on it is faster to decode the data once into a cache, and to learn every pass from that. */
const LEAST_EPOCHS = 3;
/** Prefix of a run's cache within its directory, followed by the process, as in the name of its lock. */
const PREFIX = "decoded-";
/** Caches of this process's runs. */
const inUse = new Set<string>();
/** Assumed ratio of content to compressed bytes. */
const COMPRESSED = 8;

export interface DecodeOnceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with a note on what is done, or why it is not. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** A job that reads the cache, and a function that removes the cache. */
export interface DecodedOnce {
  readonly job: Job;
  remove(): void;
}

/**
 * For a run of several epochs, decodes the data into a cache within its directory and learns from that; checkpoints and
 * reports are the same. Not for fewer than three epochs, a part of the data, a resumed run, inputs that cannot be read
 * twice, or too little disk space.
 * @returns null if the data are to be read directly
 */
export async function decodeOnce(job: Job, { signal, onNote }: DecodeOnceOptions): Promise<DecodedOnce | null> {
  const out = job.out!;
  removeStale(out);
  if (!isWorthIt(job)) return null;
  const directory = join(out, `${PREFIX}${ownerName(systemProcesses.self())}`);
  inUse.add(directory);
  const remove = () => {
    inUse.delete(directory);
    quietly(() => rmSync(directory, { recursive: true, force: true }));
  };
  const start = `decoding the data once for ${job.epochs} epochs, into ${directory}, which is removed at the end`;
  const data = await decodedInto(directory, job, {
    signal,
    onNote: (note) => onNote?.(`every epoch decodes the data again: ${note}`),
    onStart: () => onNote?.(start),
  });
  if (data !== null) return { job: { ...job, data: [data] }, remove };
  remove();
  return null;
}

/** What is decoded, and how. */
type Decoded = Pick<Job, "spec" | "data" | "epochs" | "kept">;

/** Callbacks. */
export interface DecodedIntoOptions extends DecodeOnceOptions, Pick<OpenOrMakeOptions, "onProgress"> {
  readonly onStart?: () => void;
}

/**
 * Decodes data into a cache, or finds an existing one.
 * @returns the value to use for `data`; null if stopped, or if there is too little disk space, which `onNote` reports
 */
export async function decodedInto(
  directory: string,
  { spec, data, epochs, kept }: Decoded,
  { signal, onNote, onStart, onProgress }: DecodedIntoOptions,
): Promise<string | null> {
  const inputs = inputsFor(data, { epochs });
  const { openOrMakeCache } = await import("../../event-cache/open-or-make.js");
  const parent = dirname(directory);
  nodeFiles.mkdir(parent);
  const short = shortOf(parent, inputs);
  if (short !== null) {
    onNote?.(short);
    return null;
  }
  onStart?.();
  try {
    return (await openOrMakeCache({ spec, data, directory, kept, signal, onProgress }))?.data ?? null;
  } catch (error) {
    quietly(() => rmSync(directory, { recursive: true, force: true }));
    if (!(error instanceof HashbrookError) || error.code !== "cache_write") throw error;
    onNote?.(error.message);
    return null;
  }
}

function isWorthIt({ kind, epochs, topic, clicks, data, limit, out }: Job): boolean {
  if (kind !== "train" || epochs < LEAST_EPOCHS || topic || clicks || limit !== null) return false;
  return !data.some(isCacheName) && !namesIn(out!).some((name) => name.startsWith("checkpoint-"));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Removes caches of killed runs. */
function removeStale(out: string): void {
  for (const name of namesIn(out)) {
    if (!name.startsWith(PREFIX)) continue;
    const directory = join(out, name);
    quietly(() => {
      if (isStale(directory, name.slice(PREFIX.length))) rmSync(directory, { recursive: true, force: true });
    });
  }
}

/** @param owner the process that has made it */
function isStale(directory: string, owner: string): boolean {
  const found = ownerNamed(owner);
  if (!found) return isStaleOfEarlier(Number(owner));
  const self = systemProcesses.self();
  if (ownerName(self) === owner) return !inUse.has(directory);
  if (found.machine === self.machine) return !systemProcesses.alive(found);
  // It cannot be looked up, but while it learns it has the lock.
  return isOld(directory) && !existsSync(join(dirname(directory), lockName(found)));
}

/** Earlier versions gave the pid alone; in a container, a killed process may have had this one's. */
const isStaleOfEarlier = (pid: number): boolean => pid === process.pid || (pid > 0 && !isAlive(pid, 0));

/** Why the disk may lack space for the cache; null if it does not. */
function shortOf(out: string, inputs: readonly Input[]): string | null {
  const sizes = inputs.map(({ content, bytes, extent }) => content ?? COMPRESSED * (bytes ?? extent ?? 0));
  const needed = sizes.reduce((sum, size) => sum + size, 0);
  const { bavail, bsize } = statfsSync(out);
  const free = bavail * bsize;
  if (free >= 2 * needed) return null;
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return `the disk of ${out} has ${gib(free)} free, the decoded data may take ${gib(needed)}`;
}
