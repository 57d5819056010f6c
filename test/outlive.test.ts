import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { temporary } from "./e2e/hashbrook.js";

/** Begins a process, as one of whose group nobody hears, and tells its number. */
const RUN = `
import { spawn } from "node:child_process";
import { letNothingOutlive } from "./test/outlive.mjs";
const [folder] = process.argv.slice(1);
letNothingOutlive(folder);
const env = { ...process.env, TMPDIR: folder };
const { pid } = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { env, detached: true, stdio: "ignore" });
process.stdout.write(String(pid));
setInterval(() => {}, 1000);
`;

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it.skipIf(!existsSync("/proc/self/environ"))("a run that is killed leaves no process and no folder", async () => {
  const folder = temporary();
  const run = spawn(process.execPath, ["--input-type=module", "-e", RUN, folder]);
  const pid = Number(String((await once(run.stdout, "data"))[0]));
  expect(isAlive(pid)).toBe(true);
  run.kill("SIGKILL");
  await expect.poll(() => [isAlive(pid), existsSync(folder)]).toEqual([false, false]);
});
