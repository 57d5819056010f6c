import { spawn } from "node:child_process";

/** Waits for the end of its input, ends what has $0 as its temporary folder (as far as /proc tells), and removes that. */
const WATCH = `
trap '' HUP INT TERM
cat >/dev/null
for process in /proc/[0-9]*; do
  tr '\\0' '\\n' 2>/dev/null <"$process/environ" | grep -qxF "TMPDIR=$0" && kill -KILL "\${process#/proc/}"
done
rm -rf "$0"
`;

/**
 * Nothing of this process outlives it, however it ends: brokers, trainers and whatever else inherits `folder` as TMPDIR.
 * @param {string} folder a folder of this process alone
 * @returns {() => Promise<void>} ends them now
 */
export function letNothingOutlive(folder) {
  const { TMPDIR: _, ...env } = process.env;
  // In a session of its own: whoever kills this process's group does not get it.
  const watch = spawn("sh", ["-c", WATCH, folder], { env, detached: true, stdio: ["pipe", "ignore", "ignore"] });
  watch.unref();
  watch.stdin.unref();
  return () =>
    new Promise((resolve) => {
      watch.ref();
      watch.once("exit", () => resolve());
      watch.stdin.end();
    });
}
