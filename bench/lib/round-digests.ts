import type { KafkaOptions } from "../../src/sources/kafka/client.js";
import { KafkaRounds } from "../../src/train/lanes/kafka-rounds.js";
import { inOrder } from "../../src/train/lanes/rounds.js";

const WAIT_MS = 20;

/**
 * The digest of the weights that a round's contributions were computed with.
 * @param topic of the rounds
 * @throws Error if processes had different weights
 */
export async function digestBefore(kafka: KafkaOptions, topic: string, round: number, lanes: number): Promise<string> {
  const rounds = await KafkaRounds.open(
    { kafka, topic, group: null, start: { at: "earliest" }, stop: null, onLost: "stop" },
    topic,
    lanes,
  );
  try {
    await rounds.agree(() => Promise.reject(new Error(`${topic} is empty`)), new AbortController().signal);
    while (rounds.of(round).size < lanes) await rounds.wait(WAIT_MS);
    const digests = new Set(inOrder(rounds.of(round)).map(({ digest }) => digest));
    if (digests.size !== 1) throw new Error(`${topic}: processes had ${digests.size} models`);
    return [...digests][0];
  } finally {
    await rounds.close();
  }
}
