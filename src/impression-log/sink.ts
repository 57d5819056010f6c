import type { Lines } from "./lines.js";

/** The destination of a log of impressions. */
export interface LogSink {
  /**
   * Writes lines; on an error none of them, or (for a topic) some.
   * @param keys of their requests, by line
   * @returns how many were left out, because they are too long
   * @throws HashbrookError log_write, kafka_…
   */
  write(lines: Lines, keys: readonly string[]): Promise<number>;
  /** Called about once a second: makes what was written durable. @throws HashbrookError log_write */
  tick(): void;
  /** Number of lines that were written and then lost, since it was asked last. */
  lost(): number;
  /** Makes everything durable, under its final name. @throws HashbrookError log_write */
  close(): Promise<void>;
}
