import { HashbrookError, toPlainError } from "../core/errors.js";
import type { EndedBy } from "./consumer.js";
import type { Report } from "./report.js";

/** What can save what it has learned. */
interface Saves {
  /** null: another one does. */
  progress(): { readonly unsaved: number } | null;
  finish(endedBy: EndedBy): Promise<Report | null>;
}

/**
 * The source has failed between two batches, which is as good a place to go on from as any: a trainer keeps what it has learned.
 * @returns the failure, saying so
 */
export async function keptAtFailure(trainer: Saves, failure: HashbrookError): Promise<HashbrookError> {
  if (!trainer.progress()?.unsaved) return failure;
  const { code, message, hint } = failure;
  const because = (more: string) => new HashbrookError(code, message, { hint: hint ? `${hint}; ${more}` : more });
  try {
    const report = await trainer.finish("stopped");
    return because(`what was learned until then is saved in ${report!.checkpoint}: --resume goes on there`);
  } catch (error) {
    return because(`and then: ${toPlainError(error).message}`);
  }
}
