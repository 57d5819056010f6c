// Bundles `hashbrook/scorer` for browsers into one file, dist/portable/browser.js, with the kernels but without the tower's runtime.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "rolldown";

const ENTRY = "dist/portable/browser.js";
const BUFFER = "dist/portable/buffer.js";
/** Modules that are replaced by another one in a browser. */
const INSTEAD = { "./onnxruntime.js": "dist/runtimes/onnxruntime-web.js", "node:buffer": BUFFER };
const BYTES = "kernels/module-bytes.js";

export async function bundleForBrowsers() {
  const { output } = await build({
    input: ENTRY,
    external: /^(onnxruntime-web|@tensorflow)\b/,
    platform: "browser",
    logLevel: "warn",
    plugins: [forBrowsers()],
    transform: { inject: { Buffer: [join(process.cwd(), BUFFER), "Buffer"] } },
    output: { file: ENTRY, codeSplitting: false, minify: true },
  });
  const [{ imports }] = output;
  const foreign = imports.filter((name) => name.startsWith("node:"));
  if (foreign.length > 0) throw new Error(`${ENTRY} imports ${foreign}, which browsers do not have`);
}

function forBrowsers() {
  return {
    name: "browser",
    resolveId(id) {
      return Object.hasOwn(INSTEAD, id) ? join(process.cwd(), INSTEAD[id]) : undefined;
    },
    load(id) {
      return id.endsWith(BYTES) ? inlined() : undefined;
    },
  };
}

/** `moduleBytes` with the modules embedded. */
function inlined() {
  const files = readdirSync("dist/kernels").filter((file) => file.endsWith(".wasm"));
  const texts = files.map((file) => `"${file}": "${readFileSync(join("dist/kernels", file), "base64")}"`);
  return `const texts = { ${texts.join(", ")} };
export const moduleBytes = (name) => Uint8Array.from(atob(texts[name + ".wasm"]), (c) => c.charCodeAt(0));`;
}
