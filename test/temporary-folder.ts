import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
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

/** What the tests write to the system's temporary folder goes into one folder there. It is gone after them, as are the processes they began. */
export default function setup(): () => Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "hashbrook-tests-"));
  const end = letNothingOutlive(root);
  process.env.TMPDIR = root;
  trustNobodyElse();
  return end;
}
