import { HashbrookError } from "../../core/errors.js";

/**
 * Maps `kafka_unreachable` to `lanes_cut_off`: the other processes may continue, and this one may be restarted. Returns
 * other errors unchanged.
 */
export function cutOff(error: unknown): unknown {
  if (!(error instanceof HashbrookError && error.code === "kafka_unreachable")) return error;
  const { message, hint, cause } = error;
  return new HashbrookError("lanes_cut_off", message, {
    hint: [hint, "then restart this process with --resume"].filter(Boolean).join("; "),
    cause,
  });
}
