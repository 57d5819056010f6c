import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { built } from "./test/built.js";

/** Files that take over four seconds. They begin first, so that the workers end together; `npm run test:quick` leaves them out. */
const LONG = [
  "kafka/exactly-once",
  "kafka/lanes",
  "kafka/bad-input",
  "e2e/encodings",
  "package/install",
  "kafka/join",
  "kafka/restart",
  "tune/tune",
  "kafka/deleted",
  "e2e/determinism",
  "e2e/join",
  "serve/row-store-follow",
  "kafka/resume",
  "e2e/daily",
  "e2e/follow",
  "serve/watch",
  "e2e/lifecycle",
  "e2e/serving",
  "e2e/commands",
  "train/together",
  "train/publish-gate",
  "decode/decoder",
  "e2e/late-labels",
  "kafka/transactions",
  "kafka/no-group",
  "kafka/short-lives",
  "e2e/epochs",
  "kafka/live",
  "event-cache/training",
  "e2e/bad-input",
  "kafka/produce",
  "explain/explain",
  "e2e/pipes",
  "model/lanes",
  "serve/workers",
  "tables/eviction",
  "kafka/clients",
  "e2e/migrate",
  "kafka/together",
  "decode/frames",
  "serve/embeddings",
  "train/lanes",
  "event-cache/feed",
  "runtimes/onnxruntime",
  "checkpoints/chain",
  "e2e/examples",
  "checkpoints/chain-crash",
  "train/checkpointer",
].map((name) => `test/${name}.test.ts`);

/** Those that start the program, brokers or npm. */
const WHOLE = ["test/e2e/**", "test/kafka/**", "test/package/**"];

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
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A process runs file after file, with the modules and threads that it has already; where files wait for a broker or a process, one
    // more than cores has something to do.
    pool: "forks",
    isolate: false,
    maxWorkers: 3,
    // What test/built.ts names.
    server: { deps: { external: [/\/dist\//] } },
    sequence: { sequencer: LongestFirst },
    setupFiles: ["test/equality.ts"],
    globalSetup: ["test/temporary-folder.ts", "test/kafka/global-setup.ts"],
  },
}));
