import fc from "fast-check";

/** Property tests draw the same cases every time, so that a red run is of the change at hand; `HASHBROOK_SEED=random` draws others. */
const seed = process.env.HASHBROOK_SEED ?? "1";
if (seed !== "random") fc.configureGlobal({ seed: Number(seed) });

export default fc;
