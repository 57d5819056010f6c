import type { Command } from "commander";

/** The commands, in the order of a first session. Only the requested one is loaded, to keep start-up fast. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import("./demo.js")).demoCommand(),
  simulate: async () => (await import("./simulate.js")).simulateCommand(),
  init: async () => (await import("./init.js")).initCommand(),
  check: async () => (await import("./check.js")).checkCommand(),
  cache: async () => (await import("./cache.js")).cacheCommand(),
  train: async () => (await import("./train.js")).trainCommand(),
  tune: async () => (await import("./tune.js")).tuneCommand(),
  eval: async () => (await import("./eval.js")).evalCommand(),
  explain: async () => (await import("./explain.js")).explainCommand(),
  report: async () => (await import("./report.js")).reportCommand(),
  predict: async () => (await import("./predict.js")).predictCommand(),
  serve: async () => (await import("./serve.js")).serveCommand(),
  verify: async () => (await import("./verify.js")).verifyCommand(),
  inspect: async () => (await import("./inspect.js")).inspectCommand(),
  export: async () => (await import("./export.js")).exportCommand(),
  key: async () => (await import("./key.js")).keyCommand(),
  produce: async () => (await import("./produce.js")).produceCommand(),
  lag: async () => (await import("./lag.js")).lagCommand(),
  publish: async () => (await import("./publish.js")).publishCommand(),
  replay: async () => (await import("./replay.js")).replayCommand(),
  item2vec: async () => (await import("./item2vec.js")).item2vecCommand(),
  push: async () => (await import("./push.js")).pushCommand(),
  pull: async () => (await import("./pull.js")).pullCommand(),
  migrate: async () => (await import("./migrate.js")).migrateCommand(),
};
