// Who changes a module of the thread of lanes imports this first: the thread loads single modules, not the one file that the build makes.
import { syncBuiltinESMExports } from "node:module";
import threads from "node:worker_threads";

const { Worker } = threads;
threads.Worker = class extends Worker {
  constructor(file, options) {
    super(/lanes-worker\.js$/.test(file) ? new URL("lanes-thread.mjs", import.meta.url) : file, options);
  }
};
syncBuiltinESMExports();
