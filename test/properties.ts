import * as fc from "./property-runs.js";

/**
 * Property tests draw the same cases every time, so that a red run is of the change at hand. `HASHBROOK_SEED=random` draws others, a
 * number those that another such run has drawn; then as many as the tests name, and else a third (property-runs.ts).
 */
const seed = process.env.HASHBROOK_SEED ?? "1";
if (seed !== "random") fc.configureGlobal({ seed: Number(seed) });

export default fc;
