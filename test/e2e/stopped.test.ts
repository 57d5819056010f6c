import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Explorer } from "../../src/serve/explore/policy.js";
import { logged } from "../impression-log/logged.js";
import { event, shop } from "../serve/served.js";
import { LR } from "../small-specs.js";
import { ended, start, temporary } from "./hashbrook.js";

let served: Awaited<ReturnType<typeof shop>>;
let events: string;
let log: string;

beforeAll(async () => {
  served = await shop();
  const asked = Array.from({ length: 50 }, (_, i) => {
    const candidates = [0, 1].map((c) => ({ item: { id: `i${c}` } }));
    return { id: `r-${i}`, body: { context: { user: { id: i } }, candidates } };
  });
  const explorer = Explorer.of("softmax:2");
  const lines = readFileSync(await logged(temporary(), served.scorer, asked, { explorer }), "utf8");
  log = lines.replaceAll("}\n", ',"click":0}\n');
  events = Array.from({ length: 500 }, (_, i) => `${event(i)}\n`).join("");
});
afterAll(() => served.close());

/** Writes `text` to a command's standard input again and again, and stops the command while it reads. */
async function stoppedWhileReading(args: readonly string[], text: string, signal: NodeJS.Signals) {
  const child = spawn(process.execPath, ["dist/cli/main.js", ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const outcome = ended(child);
  child.stdin.on("error", () => {});
  const bytes = Buffer.from(text.repeat(20));
  for (let taken = 0, told = false; child.stdin.writable && child.exitCode === null; taken += bytes.length) {
    await Promise.race([new Promise((resolve) => child.stdin.write(bytes, resolve)), outcome]);
    await setImmediate();
    // More than a pipe holds: the command reads.
    if (!told && taken > 4 << 20) told = child.kill(signal);
  }
  return outcome;
}

it.each<[string, () => readonly [string[], string]]>([
  ["eval", () => [["eval", "--data", "-"], events]],
  ["verify", () => [["verify", "--log", "-"], log]],
  ["eval --ips", () => [["eval", "--ips", "greedy", "--data", "-"], log]],
])(
  "%s that is stopped reports what it has read and ends with the signal's status: it was 0",
  async (_, command) => {
    const [args, text] = command();
    const whole = [...args, "--checkpoint", served.checkpoint, "--json"];
    const { status, stdout, stderr } = await stoppedWhileReading(whole, text, "SIGTERM");
    expect([status, stderr]).toEqual([
      143,
      expect.stringMatching(/^hashbrook: stopped before the end of the (data|log)/m),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ ended_by: "stopped" });
  },
  60_000,
);

it("demo that is stopped while it learns ends with the signal's status, not 0", async () => {
  const child = start(["demo", "--rows", "100000000", "--port", "0", "--out", temporary()]);
  child.stderr!.on("data", (text) => !child.killed && /examples/.test(String(text)) && child.kill("SIGINT"));
  const { status, stderr } = await ended(child);
  expect([status, stderr]).toEqual([130, expect.stringMatching(/stopped before anything was served$/m)]);
});

it("train saves a last checkpoint when its terminal is closed (SIGHUP)", async () => {
  const out = temporary();
  const child = start(["train", "--model", LR, "--data", "simulate:100000000", "--out", out, "--json"]);
  child.stderr!.once("data", () => {
    child.kill("SIGHUP");
    child.kill("SIGHUP");
  });
  const { status, stdout } = await ended(child);
  expect([status, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ ended_by: "stopped" })]);
  expect(readdirSync(out)).toContainEqual(expect.stringMatching(/^checkpoint-\d+$/));
});

it("nohup train goes on when its terminal is closed", async () => {
  const args = ["train", "--model", LR, "--data", "simulate:100000000", "--out", temporary(), "--json"];
  // `nohup` becomes the trainer, whose number the shell tells.
  const script = '"$0" "$@" & echo $!; wait $!';
  const child = spawn("bash", ["-c", script, "nohup", process.execPath, "dist/cli/main.js", ...args]);
  const pid = new Promise<number>((resolve) => child.stdout.once("data", (data) => resolve(Number(data))));
  const outcome = ended(child);
  const progress = () => Promise.race([once(child.stderr, "data"), outcome]);
  await progress();
  process.kill(await pid, "SIGHUP");
  await progress();
  await progress();
  if (child.exitCode === null) process.kill(await pid, "SIGTERM");
  expect(await outcome).toMatchObject({ status: 0 });
});
