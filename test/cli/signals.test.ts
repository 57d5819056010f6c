import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";

const PROGRAM = `
import { stopWithLauncher } from ${JSON.stringify(new URL("../../dist/cli/signals.js", import.meta.url).href)};
stopWithLauncher();
process.on("message", (message) => process.send(message));
setInterval(() => {}, 1000);
process.on("SIGTERM", () => process.exit(7));
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
