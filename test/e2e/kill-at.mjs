// Loaded before the command line (node --import): ends the process as a crash would, right before or after the n-th write,
// fsync, rename, truncation or removal of the run's directory. HASHBROOK_KILL_AT = "n before" or "n after", counted in each worker thread.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { isMainThread, threadId } from "node:worker_threads";

const [at, moment] = (process.env.HASHBROOK_KILL_AT ?? "").split(" ");
// The first thread to reach its n-th step ends all.
let step = 0;

for (const name of ["writeSync", "fsyncSync", "renameSync", "ftruncateSync", "rmSync"]) {
  const original = fs[name];
  fs[name] = (...args) => {
    const mine = !(isMainThread && threadId === 0) && ++step === Number(at);
    if (mine && moment === "before") process.kill(process.pid, "SIGKILL");
    const result = original(...args);
    if (mine && moment === "after") process.kill(process.pid, "SIGKILL");
    return result;
  };
}
syncBuiltinESMExports();
