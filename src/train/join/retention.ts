import { HashbrookError } from "../../core/errors.js";
import type { KafkaAdmin } from "../../sources/kafka/admin.js";
import type { JoinSpec } from "../../spec/compiled.js";

/**
 * Both topics are read again from the oldest click or impression that still counts, which must be available.
 * @throws retention_short
 */
export async function refuseShortRetention(
  admin: KafkaAdmin,
  topic: string,
  { window, lateness }: JoinSpec,
): Promise<void> {
  const kept = await admin.retentionOf(topic);
  const needed = window + lateness;
  if (kept === null || kept > needed) return;
  throw new HashbrookError(
    "retention_short",
    `topic ${topic}: keeps messages for ${kept} ms, but the join's window and lateness together are ${needed} ms`,
    { hint: "raise the topic's retention.ms above that by at least the longest time the trainer may be down" },
  );
}
