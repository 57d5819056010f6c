import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { ended, run, start, temporary } from "./hashbrook.js";

const folder = temporary();
const [file, model] = [join(folder, "events.tsv"), join(folder, "run")];

beforeAll(() => {
  run(["simulate", "--rows", "40000", "--seed", "3", "--out", file]);
  run(["train", "--model", "features/ads-demo-lr.yaml", "--data", file, "--limit", "2000", "--out", model]);
});

/** The lines a command writes into a pipe that nobody reads for a while: it is full long before the command is done. */
async function slowly(args: readonly string[]): Promise<{ lines: number; stderr: string; status: number | null }> {
  // A shell's pipe: one that Node makes is a socket, which takes more.
  const child = spawn("sh", ["-c", '"$0" "$@" | (sleep 2; wc -l)', process.execPath, "dist/cli/main.js", ...args]);
  const { stdout, stderr, status } = await ended(child);
  return { lines: Number(stdout), stderr, status };
}

it("predict goes on where a pipe is full, with every line and no complaint", async () => {
  const { lines, stderr } = await slowly(["predict", "--checkpoint", model, "--data", file, "--out", "-"]);
  expect([lines, stderr]).toEqual([40_000, ""]);
});

it("simulate goes on where a pipe is full, with every line and no warning", async () => {
  const { lines, stderr } = await slowly(["simulate", "--rows", "40000", "--seed", "3"]);
  expect(lines).toBe(40_000);
  expect(stderr).not.toMatch(/Warning/);
});

it.each([
  ["serve --checkpoint", ["serve", "--checkpoint", model], "--port"],
  ["serve --follow", ["serve", "--follow", folder], "--port"],
  [
    "train --serve",
    ["train", "--model", "features/ads-demo-lr.yaml", "--data", file, "--out", `${model}-2`],
    "--serve",
  ],
  [
    "train --metrics-port",
    ["train", "--model", "features/ads-demo-lr.yaml", "--data", file, "--out", `${model}-3`],
    "--metrics-port",
  ],
])("%s on a port that is taken names the flag, and ends", async (_, args, flag) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  const child = start([...args, flag, String(port)]);
  const outcome = await Promise.race([ended(child), sleep(30_000)]);
  child.kill("SIGKILL");
  other.close();
  expect(outcome).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(new RegExp(`^hashbrook: ${flag}: .*EADDRINUSE.*\\n.*--host`)),
  });
});
