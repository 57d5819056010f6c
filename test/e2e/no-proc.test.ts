import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { LR } from "../small-specs.js";
import { ended, temporary } from "./hashbrook.js";

const out = join(temporary(), "run");

/** Starts the program, whose threads have no /proc either. */
function jailed(args: readonly string[]) {
  const preload = `--import=${pathToFileURL(join(import.meta.dirname, "no-proc.mjs"))}`;
  return spawn(process.execPath, ["dist/cli/main.js", ...args], { env: { ...process.env, NODE_OPTIONS: preload } });
}

it("trains and serves in a sandbox without /proc, where the memory in use cannot be read", async () => {
  const trained = await ended(jailed(["train", "--model", LR, "--data", "simulate:20000:5", "--out", out]));
  expect([trained.status, trained.stderr]).toEqual([0, ""]);
  const server = jailed(["serve", "--checkpoint", out, "--port", "0"]);
  const end = ended(server);
  const { listening } = JSON.parse(String((await once(server.stdout, "data"))[0]));
  // Longer than any interval at which the load is measured.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const metrics = await fetch(`${listening}/metrics`).then((response) => response.text());
  expect(metrics).toContain("hashbrook_ready 1");
  server.kill("SIGTERM");
  expect((await end).status).toBe(0);
});
