import { checkArguments } from "../core/arguments.js";
import type { TopicSpec } from "../sources/kafka/open-topic.js";
import type { Report } from "./metrics/report.js";
import { type TrainOptions, train } from "./train.js";

/** The range of a topic to learn. */
export interface ReplayedTopic extends Omit<TopicSpec, "group" | "stop"> {
  /** Consumer group. null: none. Default: one used only by this process, which disturbs no trainer. */
  readonly group?: string | null | undefined;
  /** Where it ends. Default: at the messages available when it starts. */
  readonly stop?: TopicSpec["stop"] | undefined;
}

type Kept = "model" | "onSpecWarning" | "out" | "lingerMs" | "threads" | "onProgress" | "signal";

/** What to learn again, and into which new model. */
export interface ReplayOptions extends Pick<TrainOptions, Kept> {
  /** The topic. */
  readonly topic: ReplayedTopic;
}

/**
 * Learns a range of a Kafka topic again, into a new model. The order is that of `train`: the same range gives the same
 * bytes. To continue after it, `train` with `resume` and the same directory and topic.
 * @throws HashbrookError output_exists if the directory holds a model; as `train`
 */
export async function replay(options: ReplayOptions): Promise<Report> {
  checkArguments("replay", options, { model: "spec", out: "path", topic: "topic" });
  const { topic } = options;
  const { group = `hashbrook-replay-${process.pid}`, stop } = topic;
  return train({ ...options, topic: { ...topic, group, stop: stop ?? { at: "end" } } });
}
