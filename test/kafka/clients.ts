import { createRequire } from "node:module";

const [major, minor] = process.versions.node.split(".").map(Number);
const runs = major > 24 || (major === 24 && minor >= 6) || (major === 22 && minor >= 22);
const installed = (() => {
  try {
    return createRequire(import.meta.url).resolve("@platformatic/kafka") !== "";
  } catch {
    return false;
  }
})();

/** Whether a topic can be read with @platformatic/kafka here. */
export const hasPlatformatic = runs && installed;
if (!hasPlatformatic)
  console.warn("skipped: reading with @platformatic/kafka: it is not installed, or this Node is too old");
