import { setTimeout as sleep } from "node:timers/promises";

/** Longer than anything takes on a busy machine, and shorter than a test may take (vitest.config.ts). */
const PATIENCE_MS = 180_000;
/** What is quick is soon seen; what is not is not slowed down by looking at it. */
const [QUICK_LOOKS, QUICK_MS, SLOW_MS] = [200, 1, 20];

/**
 * Waits until something has happened, for a time rather than a number of tries, which ran out on busy machines.
 * @param what what there is instead, for the error
 * @throws Error if it does not happen
 */
export async function until(happened: () => boolean | Promise<boolean>, what?: () => unknown): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (let looks = 0; !(await happened()); looks++) {
    if (performance.now() > end) throw new Error(`it did not happen: ${JSON.stringify(what?.())}`);
    await sleep(looks < QUICK_LOOKS ? QUICK_MS : SLOW_MS);
  }
}
