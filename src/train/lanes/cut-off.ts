import { HashbrookError } from "../../core/errors.js";

/** What another process of the run may go on without is told from what a mend is needed for. */
export function cutOff(error: unknown): unknown {
  if (!(error instanceof HashbrookError && error.code === "kafka_unreachable")) return error;
  const { message, hint, cause } = error;
  return new HashbrookError("lanes_cut_off", message, {
    hint: [hint, "then begin this process again with --resume"].filter(Boolean).join("; "),
    cause,
  });
}
