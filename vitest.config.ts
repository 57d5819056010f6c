import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take over four seconds. They begin first, so that the workers end together; `npm run test:quick` leaves them out. */
const LONG = [
  "kafka/exactly-once",
  "e2e/encodings",
  "kafka/bad-input",
  "package/install",
  "e2e/determinism",
  "kafka/deleted",
  "e2e/migrate",
  "kafka/resume",
  "e2e/lifecycle",
  "kafka/restart",
  "checkpoints/chain-crash",
  "decode/decoder",
  "kafka/live",
  "train/checkpointer",
  "kafka/transactions",
  "runtimes/onnxruntime",
  "kafka/produce",
  "e2e/commands",
  "e2e/examples",
  "kafka/short-lives",
  "e2e/pipes",
  "kafka/client",
  "model/tower-model",
  "e2e/daily",
  "e2e/epochs",
  "kafka/delta-log",
  "kafka/schemas",
  "checkpoints/chain",
  "tables/eviction",
  "checkpoints/crash",
  "tables/exact",
  "towers/tower",
].map((name) => `test/${name}.test.ts`);

/** Those that start the program, brokers or npm: each gets a process of its own. */
const WHOLE = ["test/e2e/**", "test/kafka/**", "test/package/**"];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      (LONG.findIndex((name) => moduleId.endsWith(name)) + 1 || Infinity) - 1;
    return [...(await super.sort(files))].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
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
