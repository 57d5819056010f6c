import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { ThreadCalls } from "../../../src/serve/threads/thread-calls.js";

it("a thread that may open no more files ends with a hint, not with an internal error", async () => {
  const error = 'Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" })';
  const calls = new ThreadCalls<{ ask: [null, null] }>(new Worker(`throw ${error}`, { eval: true }), "the thread");
  await expect(calls.call("ask", null)).rejects.toMatchObject({
    code: "runtime_unavailable",
    message: "the thread ended: EMFILE: too many open files",
    hint: expect.stringContaining("ulimit -n"),
  });
});
