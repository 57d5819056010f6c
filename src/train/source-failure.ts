import { HashbrookError, toPlainError } from "../core/errors.js";
import type { EndedBy } from "./consumer.js";
import type { Report } from "./metrics/report.js";

/** Something that can save what it has learned. */
interface Saves {
  /** null: another process reports. */
  progress(): { readonly unsaved: number } | null;
  finish(endedBy: EndedBy): Promise<Report | null>;
}

/**
 * If the source fails between two batches, the trainer saves what it has learned, since any batch boundary is a valid
 * position to resume from.
 * @returns the failure, mentioning that
 */
export async function keptAtFailure(trainer: Saves, failure: HashbrookError): Promise<HashbrookError> {
  if (!trainer.progress()?.unsaved) return failure;
  const { code, message, hint } = failure;
  const because = (more: string) => new HashbrookError(code, message, { hint: hint ? `${hint}; ${more}` : more });
  try {
    const report = await trainer.finish("stopped");
    return because(`progress up to that point is saved in ${report!.checkpoint}: continue with --resume`);
  } catch (error) {
    return because(`saving the progress failed too: ${toPlainError(error).message}`);
  }
}
