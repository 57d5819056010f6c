import * as fc from "fast-check";

export * from "fast-check";

const NAMED = 100;
const LEAST = 15;

/** A third of the runs that a test names, but no fewer than fifteen where it names as many; all of them in `npm run test:soak`. */
function runs(named = NAMED): number {
  if (process.env.HASHBROOK_SEED !== undefined) return named;
  return Math.max(Math.ceil(named / 3), Math.min(named, LEAST));
}

/** fast-check's, with fewer runs. */
export const assert = (<Ts>(property: fc.IRawProperty<Ts>, { numRuns, ...given }: fc.Parameters<Ts> = {}) =>
  fc.assert(property, { ...given, numRuns: runs(numRuns) })) as typeof fc.assert;
