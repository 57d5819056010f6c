import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { built } from "./test/built.js";
import { LONG } from "./test/long.js";

/** Those that start the program, brokers or npm. */
const WHOLE = ["test/e2e/**", "test/kafka/**", "test/package/**"];

/** Functions of a test run too few times for optimizing them early to pay. Other versions of Node do not know the flag. */
const LATE = process.versions.node.startsWith("20.") ? ["--interrupt-budget=600000"] : [];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const long = LONG.findIndex((name) => moduleId.endsWith(name));
      return long < 0 ? LONG.length : long;
    };
    return [...(await super.sort(files))].sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig(({ mode }) => ({
  plugins: [built()],
  test: {
    include: ["test/**/*.test.ts"],
    exclude: mode === "quick" ? [...WHOLE, ...LONG] : [],
    // On a busy machine tests take ten times as long.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 180_000 } },
    // A process runs file after file, with the modules and threads that it has already; where files wait for a broker or a process, one
    // more than cores has something to do.
    pool: "forks",
    isolate: false,
    maxWorkers: 3,
    // The processors are busy: helper threads that collect garbage only take them from another worker. Heaps start as large as they may
    // become: growing from a megabyte, they were marked whenever they had doubled.
    execArgv: ["--single-threaded-gc", "--min-semi-space-size=16", "--initial-old-space-size=512", ...LATE],
    // What test/built.ts names.
    server: { deps: { external: [/\/dist\//] } },
    sequence: { sequencer: LongestFirst },
    setupFiles: ["test/equality.ts"],
    globalSetup: ["test/temporary-folder.ts", "test/kafka/global-setup.ts"],
  },
}));
