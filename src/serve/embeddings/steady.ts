import { setImmediate } from "node:timers/promises";
import { HashbrookError } from "../../core/errors.js";
import type { Model } from "../../model/model.js";

/** Runs a step on the model. */
export type Look = <T>(step: (model: Model) => T | Promise<T>) => Promise<T>;

/** The current model, and a stamp that changes with its weights. */
interface Now {
  readonly model: Model;
  readonly stamp: string;
}

/** Attempts to read the model in several steps before it changes between two of them. */
const ATTEMPTS = 5;

class Changed extends Error {}

/** The error while there is no model yet. */
export function notReady(): HashbrookError {
  return new HashbrookError("not_ready", "no snapshot of the delta log has been applied yet", {
    hint: "wait until GET /v2/health/ready returns 200",
  });
}

/** The error for a model that changes too fast. */
export function tooFast(): HashbrookError {
  return new HashbrookError("overloaded", "the model changed during the request", { hint: "retry" });
}

/**
 * Runs a reader of the model in short steps, so that scoring is not held up; all steps see one version.
 * @param between runs a step between two scoring runs
 * @throws HashbrookError not_ready; overloaded if the model changes too fast
 */
export async function steadily<T>(
  now: () => Now | null,
  between: <U>(step: () => U | Promise<U>) => Promise<U>,
  run: (look: Look) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      return await run(lookAt(now, between));
    } catch (error) {
      if (!(error instanceof Changed)) throw error;
    }
  }
  throw tooFast();
}

function lookAt(now: () => Now | null, between: <U>(step: () => U | Promise<U>) => Promise<U>): Look {
  let first: string | undefined;
  return async (step) => {
    if (first !== undefined) await setImmediate();
    return between(() => {
      const current = now();
      if (!current) throw notReady();
      first ??= current.stamp;
      if (current.stamp !== first) throw new Changed();
      return step(current.model);
    });
  };
}
