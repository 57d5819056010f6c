import { existsSync, mkdtempSync, readFileSync, statfsSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import { letNothingOutlive } from "./outlive.mjs";

/**
 * Authorities that a machine trusts beside Node's own are read and parsed whenever a Node starts: 0.09 s of its processor time, for 140 of
 * them. The programs that tests start speak to this machine alone; npm, which does not, is given the file by its old name (test/package).
 */
function trustNobodyElse(): void {
  const { NODE_EXTRA_CA_CERTS: file } = process.env;
  if (file !== undefined) process.env.HASHBROOK_EXTRA_CA_CERTS = file;
  delete process.env.NODE_EXTRA_CA_CERTS;
}

const MEMORY_FOLDER = "/dev/shm";
/** A run leaves some 5 GB until its end. */
const NEEDED_BYTES = 12e9;

/** A folder in memory where there is enough of it: an fsync of a disk takes milliseconds, and the tests make thousands. */
function fastFolder(): string {
  if (process.env.TMPDIR !== undefined || !existsSync(MEMORY_FOLDER)) return tmpdir();
  // Programs and native libraries of installed packages are run there.
  if (/ \/dev\/shm \S+ \S*\bnoexec\b/.test(readFileSync("/proc/self/mounts", "utf8"))) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY_FOLDER);
  return Math.min(bavail * bsize, freemem()) < NEEDED_BYTES ? tmpdir() : MEMORY_FOLDER;
}

/** What the tests write to the system's temporary folder goes into one folder there. It is gone after them, as are the processes they began. */
export default function setup(): () => Promise<void> {
  const root = mkdtempSync(join(fastFolder(), "hashbrook-tests-"));
  const end = letNothingOutlive(root);
  process.env.TMPDIR = root;
  trustNobodyElse();
  return end;
}
