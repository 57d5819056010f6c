import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";

const inside = ["--pid", "--fork", "--kill-child"];
const canUnshare = spawnSync("unshare", [...inside, "true"]).status === 0;

/** The process that `unshare` has started, which is number 1 of its namespace; undefined before that. */
const firstProcess = (pid: number): number | undefined =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")[0]) || undefined;

it.skipIf(!canUnshare)(
  "a container's first process ends at SIGTERM before its command handles it: it went on",
  async () => {
    // The command waits for its standard input.
    const command = [process.execPath, "dist/cli/main.js", "check", "--model", "features/ads-demo.yaml", "--data", "-"];
    const unshare = spawn("unshare", [...inside, ...command], { stdio: ["pipe", "ignore", "ignore"] });
    const ended = new Promise<number | null>((done) => unshare.once("exit", done));
    for (let tries = 0; tries < 1000 && unshare.exitCode === null; tries++) {
      const first = firstProcess(unshare.pid!);
      if (first) process.kill(first, "SIGTERM");
      await sleep(200);
    }
    unshare.kill("SIGKILL");
    expect(await ended).toBe(143);
  },
);
