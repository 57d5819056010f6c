import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { expect, it } from "vitest";
import { Thread } from "../../src/core/thread-pool.js";
import { startedBy } from "../train/started.js";

const NAME = "HASHBROOK_TEST_LOGIN";

/** A variable, as the next thread to take a task sees it. */
async function seen(): Promise<unknown> {
  const thread = Thread.take("../test/core/environment-task.mjs");
  const { port1, port2 } = new MessageChannel();
  thread.begin({ name: NAME, port: port2 }, [port2], (error) => expect.unreachable(String(error)));
  const [value] = await once(port1, "message");
  port1.close();
  await thread.release(1000);
  return value;
}

it("a reused thread logs in with the current environment, not with that of its start", async () => {
  try {
    process.env[NAME] = "first";
    expect(await seen()).toBe("first");
    process.env[NAME] = "second";
    expect(await startedBy(async () => expect(await seen()).toBe("second"))).toBe(0);
    delete process.env[NAME];
    expect(await seen()).toBe(null);
  } finally {
    delete process.env[NAME];
  }
});

it("a thread that cannot start fails its task: the process hung, as the threads beside it were not ended", async () => {
  const failures: unknown[] = [];
  const thread = Thread.take("checkpoints/writer-worker.js", ["--no-such-flag"]);
  thread.begin({}, [], (error) => failures.push(error));
  expect(failures).toEqual([expect.objectContaining({ code: "ERR_WORKER_INVALID_EXEC_ARGV" })]);
  await thread.release(60_000);
});
