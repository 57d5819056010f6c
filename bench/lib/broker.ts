import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrokerFacts, killBroker, startBroker, whyUnavailable } from "../../scripts/kafka-broker.mjs";

/**
 * Measures with a temporary broker and folder.
 * @param why what else is missing for a bench; null: nothing
 * @param host address for clients; default 127.0.0.1
 * @returns null after a message, if there can be no broker
 */
export async function withBroker<T>(
  use: (broker: BrokerFacts, folder: string) => Promise<T>,
  why: string | null = null,
  host?: string,
): Promise<T | null> {
  const unavailable = (await whyUnavailable()) ?? why;
  if (unavailable !== null) {
    console.error(`skipped: ${unavailable}`);
    return null;
  }
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-bench-"));
  const broker = await startBroker({ dir: join(folder, "broker"), optimized: true, ...(host && { host }) });
  try {
    return await use(broker, folder);
  } finally {
    await killBroker(broker);
    rmSync(folder, { recursive: true, force: true });
  }
}
