import type { Lines } from "./lines.js";

/** Where a log of impressions goes. */
export interface LogSink {
  /** Takes lines; on an error none of them, or (of a topic) some. @param key of their request, by line @throws HashbrookError log_write, kafka_… */
  write(lines: Lines, keys: readonly string[]): Promise<void>;
  /** Called about once a second: makes what was taken durable. @throws HashbrookError log_write */
  tick(): void;
  /** Makes everything durable, under its last name. @throws HashbrookError log_write */
  close(): Promise<void>;
}
