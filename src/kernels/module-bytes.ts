import { readFileSync } from "node:fs";
import { builtFile } from "../core/built-file.js";

/**
 * The bytes of a compiled kernel module. In a bundle for browsers this file is replaced by one that contains the
 * modules (scripts/browser.mjs).
 */
export function moduleBytes(name: string): Uint8Array<ArrayBuffer> {
  return readFileSync(builtFile(`kernels/${name}.wasm`));
}
