import { readFileSync } from "node:fs";
import { builtFile } from "../core/built-file.js";

/** A compiled kernel module. A bundle for browsers has another file in the place of this one, with the modules in it (scripts/browser.mjs). */
export function moduleBytes(name: string): Uint8Array<ArrayBuffer> {
  return readFileSync(builtFile(`kernels/${name}.wasm`));
}
