import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { freePorts } from "../../scripts/kafka-broker.mjs";
import { LR } from "../small-specs.js";
import { ended, run, start, temporary } from "./hashbrook.js";

const folder = temporary();
const [file, model] = [join(folder, "events.tsv"), join(folder, "run")];

beforeAll(async () => {
  await run(["simulate", "--rows", "40000", "--seed", "3", "--out", file]);
  await run(["train", "--model", LR, "--data", file, "--limit", "2000", "--out", model]);
});

/** The lines that a command writes to a pipe that is not read for a while and fills up. */
async function slowly(args: readonly string[]): Promise<{ lines: number; stderr: string; status: number | null }> {
  // A pipe of a shell: Node would create a socket, which buffers more.
  const child = spawn("sh", ["-c", '"$0" "$@" | (sleep 2; wc -l)', process.execPath, "dist/cli/main.js", ...args]);
  const { stdout, stderr, status } = await ended(child);
  return { lines: Number(stdout), stderr, status };
}

it("predict continues when a pipe is full, with every line and no error", async () => {
  const { lines, stderr } = await slowly(["predict", "--checkpoint", model, "--data", file, "--out", "-"]);
  expect([lines, stderr]).toEqual([40_000, ""]);
});

it("simulate continues when a pipe is full, with every line and no warning", async () => {
  const { lines, stderr } = await slowly(["simulate", "--rows", "40000", "--seed", "3"]);
  expect(lines).toBe(40_000);
  expect(stderr).not.toMatch(/Warning/);
});

it.each([
  ["serve --checkpoint", ["serve", "--checkpoint", model], "--port"],
  ["serve --follow", ["serve", "--follow", folder], "--port"],
  ["train --serve", ["train", "--model", LR, "--data", file, "--out", `${model}-2`], "--serve"],
  ["train --metrics-port", ["train", "--model", LR, "--data", file, "--out", `${model}-3`], "--metrics-port"],
])("%s on a port in use names the flag, and exits", async (_, args, flag) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  const child = start([...args, flag, String(port)]);
  const outcome = await Promise.race([ended(child), sleep(100_000)]);
  child.kill("SIGKILL");
  other.close();
  expect(outcome).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(new RegExp(`^hashbrook: ${flag}: .*EADDRINUSE.*\\n.*--host`)),
  });
});

/** The status and errors of a command whose reader closes at once. */
async function unread(args: readonly string[], streams = "") {
  const script = `{ { "$0" "$@" ${streams}; echo "status $?" >&3; } | head -0; } 3>&1`;
  const child = spawn("bash", ["-c", script, process.execPath, "dist/cli/main.js", ...args]);
  const { stdout, stderr } = await ended(child);
  return { status: Number(/status (\d+)/.exec(stdout)?.[1]), stderr };
}

describe("a reader that closes early", () => {
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

  it("of progress and of the report does not prevent training from finishing and saving", async () => {
    const out = join(folder, "unheard");
    const { status } = await unread([...learn, out, "--json"], "2>&1");
    expect(status).toBe(0);
    expect(readdirSync(out)).toContain("checkpoint-000000040000");
  });
});

describe.runIf(existsSync("/dev/full"))("a full disk under standard output or error", () => {
  const redirected = (args: readonly string[], streams: string) =>
    ended(spawn("sh", ["-c", `"$0" "$@" ${streams}`, process.execPath, "dist/cli/main.js", ...args]));

  it("does not end training: it saves, and reports that its report is lost", async () => {
    const out = join(folder, "full");
    const { status, stderr } = await redirected(["train", "--model", LR, "--data", file, "--out", out], ">/dev/full");
    expect([status, stderr]).toEqual([3, expect.stringMatching(/^hashbrook: the standard output cannot be .*ENOSPC/m)]);
    expect(stderr).not.toContain("node:");
    expect(readdirSync(out)).toContain("checkpoint-000000040000");
  });

  it("neither ends nor delays a server that logs every request there", async () => {
    const [port] = await freePorts(1);
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
])("%s that is interrupted leaves yesterday's file and no other", async (name, args, more) => {
  const directory = mkdtempSync(join(folder, `${name}-`));
  const out = join(directory, "out");
  writeFileSync(out, "yesterday");
  const child = start([...args(), ...more(), "--out", out]);
  while (readdirSync(directory).length < 2) await sleep(20);
  child.kill("SIGINT");
  const { status, stderr } = await ended(child);
  expect([status, stderr]).toEqual([
    130,
    expect.stringMatching(/stopped before .*out was complete: .*out is unchanged/),
  ]);
  expect([readdirSync(directory), readFileSync(out, "utf8")]).toEqual([["out"], "yesterday"]);
});

it("predict that fails halfway leaves yesterday's file and no other", async () => {
  const directory = mkdtempSync(join(folder, "fails-"));
  const [out, broken] = [join(directory, "out"), join(folder, "broken.tsv")];
  writeFileSync(out, "yesterday");
  writeFileSync(broken, `${readFileSync(file, "utf8")}rubbish\n`);
  expect((await run(["predict", "--checkpoint", model, "--data", broken, "--out", out])).status).toBe(4);
  expect([readdirSync(directory), readFileSync(out, "utf8")]).toEqual([["out"], "yesterday"]);
});

it("predict refuses to overwrite its input, also if given by a pattern or redirected", async () => {
  const args = (out: string) => ["predict", "--checkpoint", model, "--data", join(folder, "ev*.tsv"), "--out", out];
  const before = readFileSync(file);
  expect(await run(args(file))).toMatchObject({ status: 2, stderr: expect.stringContaining("is also an input") });
  const script = `"$0" "$@" >>"${file}"`;
  const shell = spawnSync("bash", ["-c", script, process.execPath, "dist/cli/main.js", ...args("-")], {
    encoding: "utf8",
  });
  expect([shell.status, shell.stderr]).toEqual([2, expect.stringContaining("--out -: is also an input")]);
  expect((await run(args(join(model, "checkpoint-000000002000", "manifest.json")))).status).toBe(2);
  expect(readFileSync(file).equals(before)).toBe(true);
});
