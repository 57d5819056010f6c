// A thread of `thread-pool.test.ts`: tells what a variable of the environment is.
import { parentPort } from "node:worker_threads";

parentPort.on("message", ({ name, port }) => {
  port.postMessage(process.env[name] ?? null);
  parentPort.postMessage("reusable");
});
