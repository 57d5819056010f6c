import { Command } from "commander";

/** A command: its line in the program's help, and its module, which is loaded only if requested. */
export interface CommandEntry {
  readonly about: string;
  /** Its arguments, as its usage shows them. Default: none. */
  readonly operands?: string;
  readonly load: () => Promise<Command>;
}

/** The commands, in the order of a first session. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  demo: {
    about: "Run all steps at once: simulate ad impressions, train Deep Crossing on them, serve scores",
    load: async () => (await import("./demo.js")).demoCommand(),
  },
  simulate: {
    about: "Generate a seeded stream of ad impressions with known true click probabilities",
    load: async () => (await import("./simulate.js")).simulateCommand(),
  },
  init: {
    about: "Draft a model spec from the first events: their format, the label, a type and a table for each column",
    load: async () => (await import("./init.js")).initCommand(),
  },
  check: {
    about: "Summarise the first events, read as training would read them, and report what looks wrong; learns nothing",
    load: async () => (await import("./check.js")).checkCommand(),
  },
  cache: {
    about: "Decode events once for many runs: train, tune, eval and predict read them as --data cache:DIR",
    load: async () => (await import("./cache.js")).cacheCommand(),
  },
  train: {
    about: "Train a model on events; every event is scored before it is learned from",
    load: async () => (await import("./train.js")).trainCommand(),
  },
  tune: {
    about: "Search for the tables that lose least within a budget of bytes, on your own events, judged on later ones",
    load: async () => (await import("./tune.js")).tuneCommand(),
  },
  eval: {
    about: "Score events with a checkpoint's frozen weights and report metrics",
    load: async () => (await import("./eval.js")).evalCommand(),
  },
  explain: {
    about: "Show what each field contributes to a model, quality on frequent, rare and unseen ids, and calibration",
    load: async () => (await import("./explain.js")).explainCommand(),
  },
  report: {
    about: "Write a report on a run as one HTML file that works offline",
    operands: "<dir>",
    load: async () => (await import("./report.js")).reportCommand(),
  },
  predict: {
    about: "Write one line per event: its click probability, after the values chosen with --columns",
    load: async () => (await import("./predict.js")).predictCommand(),
  },
  serve: {
    about: "Serve scores over HTTP, from checkpoints or by following trainers' delta logs",
    load: async () => (await import("./serve.js")).serveCommand(),
  },
  verify: {
    about: "Score a server's log of impressions again and check that the scores match the log bit for bit",
    load: async () => (await import("./verify.js")).verifyCommand(),
  },
  inspect: {
    about: "Show the contents of a checkpoint: spec, tables, fill, bytes, and the rows of an id",
    load: async () => (await import("./inspect.js")).inspectCommand(),
  },
  export: {
    about: "Write a checkpoint's tower as ONNX and its tables as safetensors and npy",
    load: async () => (await import("./export.js")).exportCommand(),
  },
  key: {
    about: "Print the 64-bit key of a field's value, in every table that the field is looked up in",
    operands: "<value...>",
    load: async () => (await import("./key.js")).keyCommand(),
  },
  produce: {
    about: "Send files or simulated events to a Kafka topic, one message per line",
    load: async () => (await import("./produce.js")).produceCommand(),
  },
  lag: {
    about: "Show how far a trainer is behind its Kafka topic, per partition",
    load: async () => (await import("./lag.js")).lagCommand(),
  },
  publish: {
    about: "Show what a gate holds back, accept it, or roll back to the last good checkpoint",
    operands: "<dir>",
    load: async () => (await import("./publish.js")).publishCommand(),
  },
  replay: {
    about: "Learn a range of a Kafka topic again, into a new model",
    load: async () => (await import("./replay.js")).replayCommand(),
  },
  item2vec: {
    about: "Learn id vectors from the sequences that ids occur in (word2vec), to initialise tables with",
    load: async () => (await import("./item2vec.js")).item2vecCommand(),
  },
  push: {
    about: "Copy a run's newest checkpoint to a bucket or a directory of objects; only what is missing is transferred",
    load: async () => (await import("./push.js")).pushCommand(),
  },
  pull: {
    about: "Copy a pushed checkpoint into a run's directory, to serve it or to continue training from it",
    load: async () => (await import("./pull.js")).pullCommand(),
  },
  migrate: {
    about: "Convert a trained model to other encodings, budgets or learning rates of its tables, without retraining",
    load: async () => (await import("./migrate.js")).migrateCommand(),
  },
};

/** A command with all of its options. */
export async function loadCommand(name: string): Promise<Command> {
  const { about, load } = commands[name];
  return (await load()).description(about);
}

/** What the program's help needs of a command. */
export function listedCommand(name: string): Command {
  const { about, operands } = commands[name];
  return new Command(name).description(about).usage(["[options]", operands].filter(Boolean).join(" "));
}
