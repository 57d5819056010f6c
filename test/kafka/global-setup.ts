import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brokerState, killBroker } from "../../scripts/kafka-broker.mjs";

/** Sets the folder in which the first Kafka suite starts the run's broker (harness.ts), and stops that broker afterwards. */
export default function setup(): () => Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "hashbrook-kafka-"));
  process.env.HASHBROOK_TEST_BROKER = dir;
  return async () => {
    const state = brokerState(dir);
    if (state) await killBroker(state);
    rmSync(dir, { recursive: true, force: true });
  };
}
