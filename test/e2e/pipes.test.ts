import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { LR } from "../small-specs.js";
import { ended, run, start, temporary } from "./hashbrook.js";

const folder = temporary();
const [file, model] = [join(folder, "events.tsv"), join(folder, "run")];

beforeAll(async () => {
  await run(["simulate", "--rows", "40000", "--seed", "3", "--out", file]);
  await run(["train", "--model", LR, "--data", file, "--limit", "2000", "--out", model]);
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
  ["train --serve", ["train", "--model", LR, "--data", file, "--out", `${model}-2`], "--serve"],
  ["train --metrics-port", ["train", "--model", LR, "--data", file, "--out", `${model}-3`], "--metrics-port"],
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

/** A command's status whose reader goes at once, and what it complained of. */
async function unread(args: readonly string[], streams = "") {
  const script = `{ { "$0" "$@" ${streams}; echo "status $?" >&3; } | head -0; } 3>&1`;
  const child = spawn("bash", ["-c", script, process.execPath, "dist/cli/main.js", ...args]);
  const { stdout, stderr } = await ended(child);
  return { status: Number(/status (\d+)/.exec(stdout)?.[1]), stderr };
}

describe("a reader that goes early", () => {
  const learn = ["train", "--model", LR, "--data", file, "--out"];

  it.each([
    ["--help", ["--help"], 0],
    ["train --help", ["train", "--help"], 0],
    ["key --json", ["key", "--model", "features/ads-demo.yaml", "--field", "ad", "a1", "--json"], 0],
    ["a wrong flag's report", ["train", "--jsn", "--json"], 2],
    ["predict", ["predict", "--checkpoint", model, "--data", file, "--out", "-"], 141],
    ["simulate", ["simulate", "--rows", "300000"], 141],
  ])("ends %s without a stack trace", async (_, args, status) => {
    const outcome = await unread(args);
    expect(outcome.status).toBe(status);
    expect(outcome.stderr).not.toMatch(/EPIPE|at .*\(node:|Unhandled/);
  });

  it("of progress and of the report lets training finish and save", async () => {
    const out = join(folder, "unheard");
    const { status } = await unread([...learn, out, "--json"], "2>&1");
    expect(status).toBe(0);
    expect(readdirSync(out)).toContain("checkpoint-000000040000");
  });
});

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe.runIf(existsSync("/dev/full"))("a full disk under what is told", () => {
  const told = (args: readonly string[], streams: string) =>
    ended(spawn("sh", ["-c", `"$0" "$@" ${streams}`, process.execPath, "dist/cli/main.js", ...args]));

  it("ends no training: it saves, and says that its report is lost", async () => {
    const out = join(folder, "full");
    const { status, stderr } = await told(["train", "--model", LR, "--data", file, "--out", out], ">/dev/full");
    expect([status, stderr]).toEqual([3, expect.stringMatching(/^hashbrook: the standard output cannot be .*ENOSPC/m)]);
    expect(stderr).not.toContain("node:");
    expect(readdirSync(out)).toContain("checkpoint-000000040000");
  });

  it("ends no server, and holds none up, that logs every request there", async () => {
    const port = await freePort();
    const args = ["serve", "--checkpoint", model, "--port", String(port), "--log"];
    const child = spawn("sh", ["-c", 'exec "$0" "$@" >/dev/full', process.execPath, "dist/cli/main.js", ...args]);
    const ending = ended(child);
    const live = () => fetch(`http://127.0.0.1:${port}/healthz`).then(({ status }) => status);
    while ((await live().catch(() => 0)) !== 200 && child.exitCode === null) await sleep(50);
    expect(await live()).toBe(200);
    child.kill("SIGTERM");
    const { status, stderr } = await ending;
    expect([status, stderr.split("\n").length]).toEqual([3, 2]);
  });
});

it.each([
  ["predict", () => ["predict", "--checkpoint", model, "--data", file], () => Array(60).fill(file) as string[]],
  ["simulate", () => ["simulate", "--rows", "50000000"], () => [] as string[]],
])("%s that is interrupted leaves yesterday's file and nothing beside it", async (name, args, more) => {
  const directory = mkdtempSync(join(folder, `${name}-`));
  const out = join(directory, "out");
  writeFileSync(out, "yesterday");
  const child = start([...args(), ...more(), "--out", out]);
  while (readdirSync(directory).length < 2) await sleep(20);
  child.kill("SIGINT");
  const { status, stderr } = await ended(child);
  expect([status, stderr]).toEqual([130, expect.stringMatching(/stopped before .*out was complete: it is as it was/)]);
  expect([readdirSync(directory), readFileSync(out, "utf8")]).toEqual([["out"], "yesterday"]);
});

it("predict that fails half way leaves yesterday's file and nothing beside it", async () => {
  const directory = mkdtempSync(join(folder, "fails-"));
  const [out, broken] = [join(directory, "out"), join(folder, "broken.tsv")];
  writeFileSync(out, "yesterday");
  writeFileSync(broken, `${readFileSync(file, "utf8")}rubbish\n`);
  expect((await run(["predict", "--checkpoint", model, "--data", broken, "--out", out])).status).toBe(4);
  expect([readdirSync(directory), readFileSync(out, "utf8")]).toEqual([["out"], "yesterday"]);
});

it("predict refuses to write over what it reads, be it named by a pattern or redirected", async () => {
  const args = (out: string) => ["predict", "--checkpoint", model, "--data", join(folder, "ev*.tsv"), "--out", out];
  const before = readFileSync(file);
  expect(await run(args(file))).toMatchObject({ status: 2, stderr: expect.stringContaining("is one of the inputs") });
  const script = `"$0" "$@" >>"${file}"`;
  const shell = spawnSync("bash", ["-c", script, process.execPath, "dist/cli/main.js", ...args("-")], {
    encoding: "utf8",
  });
  expect([shell.status, shell.stderr]).toEqual([2, expect.stringContaining("--out -: is one of the inputs")]);
  expect((await run(args(join(model, "checkpoint-000000002000", "manifest.json")))).status).toBe(2);
  expect(readFileSync(file).equals(before)).toBe(true);
});
