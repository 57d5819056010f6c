import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the tests write to the system's temporary folder goes into one folder there, which is removed after them. */
export default function setup(): () => void {
  const root = mkdtempSync(join(tmpdir(), "hashbrook-tests-"));
  process.env.TMPDIR = root;
  return () => rmSync(root, { recursive: true, force: true });
}
