import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { letNothingOutlive } from "./outlive.mjs";

/** What the tests write to the system's temporary folder goes into one folder there. It is gone after them, as are the processes they began. */
export default function setup(): () => Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "hashbrook-tests-"));
  const end = letNothingOutlive(root);
  process.env.TMPDIR = root;
  return end;
}
