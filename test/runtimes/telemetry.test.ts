import { spawn, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ended, temporary } from "../e2e/hashbrook.js";

/** The environment of a user at home: ONNX Runtime's telemetry is also off where CI is set. */
function environment(home: string): NodeJS.ProcessEnv {
  const { CI: _, ORT_DISABLE_TELEMETRY: __, XDG_CACHE_HOME: ___, ...rest } = process.env;
  return { ...rest, HOME: home, USERPROFILE: home };
}

const program = (...args: string[]) => ["dist/cli/main.js", ...args];

describe("a process that runs a tower leaves nothing of ONNX Runtime's telemetry in the home directory", () => {
  const out = join(temporary(), "run");

  it("when it trains", () => {
    const home = temporary();
    const train = ["train", "--model", "features/ads-demo.yaml", "--data", "simulate:2000:7", "--out", out];
    const { status } = spawnSync(process.execPath, program(...train), { env: environment(home) });
    expect([status, readdirSync(home)]).toEqual([0, []]);
  });

  it.each(["0", "1"])("when it serves with %s scoring threads", async (workers) => {
    const home = temporary();
    const serve = ["serve", "--checkpoint", out, "--port", "0", "--workers", workers];
    const server = spawn(process.execPath, program(...serve), { env: environment(home) });
    const line = await new Promise((resolve) => server.stdout.once("data", resolve));
    const { listening } = JSON.parse(String(line)) as { listening: string };
    const body = JSON.stringify({ candidates: [{ user: "u1" }] });
    const headers = { "content-type": "application/json" };
    const { status } = await fetch(`${listening}/v1/score`, { method: "POST", headers, body });
    server.kill("SIGTERM");
    const end = await ended(server);
    expect([status, end.status, readdirSync(home)]).toEqual([200, 0, []]);
  });
});
