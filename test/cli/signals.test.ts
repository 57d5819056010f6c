import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";

const PROGRAM = `
import { stopWithLauncher } from ${JSON.stringify(new URL("../../dist/cli/signals.js", import.meta.url).href)};
stopWithLauncher(0);
process.on("message", (message) => process.send(message));
setInterval(() => {}, 1000);
process.on("SIGINT", () => process.exit(7));
process.on("disconnect", () => setTimeout(() => process.exit(8), 100));
process.send("ready");`;

/** A program with a channel to its parent, which speaks through it and then closes it. @returns its exit code */
async function exitOf(env: NodeJS.ProcessEnv): Promise<unknown> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { ...process.env, ...env },
  });
  await once(child, "message");
  child.send("still here?");
  expect(await once(child, "message")).toMatchObject({ 0: "still here?" });
  const ended = once(child, "exit");
  child.disconnect();
  return (await ended)[0];
}

it("a process whose launcher is gone stops; the channel of a process manager is none of its business", async () => {
  expect(await exitOf({ HASHBROOK_LAUNCHED: "1" })).toBe(7);
  expect(await exitOf({})).toBe(8);
});

const STOPPABLE = `
import { stopSignal } from ${JSON.stringify(new URL("../../dist/cli/signals.js", import.meta.url).href)};
const { signal } = stopSignal();
signal.addEventListener("abort", () => process.exit(9));
process.on("SIGTERM", () => setTimeout(() => process.send("alive"), 50));
setInterval(() => {}, 1000);
process.send("ready");`;

it("a process with a launcher is stopped by it alone: a SIGTERM to all and then the launcher's ended it without a checkpoint", async () => {
  const start = async (env: NodeJS.ProcessEnv) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", STOPPABLE], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, ...env },
    });
    await once(child, "message");
    return child;
  };
  const launched = await start({ HASHBROOK_LAUNCHED: "1" });
  launched.kill("SIGTERM");
  expect(await once(launched, "message")).toMatchObject({ 0: "alive" });
  const ended = once(launched, "exit");
  launched.kill("SIGINT");
  expect((await ended)[0]).toBe(9);
  const other = await start({});
  const stopped = once(other, "exit");
  other.kill("SIGTERM");
  expect((await stopped)[0]).toBe(9);
});
