import type { Serving } from "./compose.js";
import type { Written } from "./log-writer.js";
import type { PackedScorings } from "./packed-scorings.js";
import type { Shape } from "./shape.js";

/** The calls to the thread that writes a log. */
export type LogCalls = {
  readonly open: readonly [sent: { readonly to: string; readonly serving: Serving }, answer: undefined];
  readonly tell: readonly [sent: { readonly specHash: string; readonly shape: Shape }, answer: undefined];
  readonly write: readonly [sent: PackedScorings, answer: Written];
  readonly tick: readonly [sent: undefined, answer: Written];
  readonly close: readonly [sent: undefined, answer: Written];
};
