import { curves } from "./compression/curves.js";

/** The curve of AUC against bytes for every encoding of ids. HASHBROOK_CURVES names a folder to go on from after a stop. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const points = await curves({ smoke, keep: process.env.HASHBROOK_CURVES });
  return { what: "quality against bytes of every encoding of ids", points };
}
