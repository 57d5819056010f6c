import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

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

/** Those that start the program, brokers or npm: each gets a process of its own. */
const WHOLE = ["test/e2e/**", "test/kafka/**", "test/package/**"];

/** Files that share a process stand together: a worker ends, with all modules it has loaded, where the next file wants one of its own. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      const long = LONG.findIndex((name) => moduleId.endsWith(name));
      return (project.name === "whole" ? 0 : 1000) + (long < 0 ? LONG.length : long);
    };
    return [...(await super.sort(files))].sort((a, b) => rank(a) - rank(b));
  }
}

const limits = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  pool: "forks" as const,
  setupFiles: ["test/equality.ts"],
};

export default defineConfig(({ mode }) => {
  const quick = mode === "quick";
  const parts = { include: ["test/**/*.test.ts"], exclude: [...WHOLE, ...(quick ? LONG : [])], isolate: false };
  const wholes = { include: WHOLE.map((folder) => `${folder}/*.test.ts`), isolate: true };
  return {
    test: {
      // Of those that wait for a broker or for a process, there may be one more than cores.
      maxWorkers: 3,
      sequence: { sequencer: LongestFirst },
      globalSetup: ["test/temporary-folder.ts", "test/kafka/global-setup.ts"],
      projects: [
        { test: { name: "parts", ...limits, ...parts } },
        ...(quick ? [] : [{ test: { name: "whole", ...limits, ...wholes } }]),
      ],
    },
  };
});
