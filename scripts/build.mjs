// Builds the package into dist/: AssemblyScript kernels, ONNX Runtime for this platform, TypeScript, and what a start loads in few files.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { build } from "rolldown";
import { bundleForBrowsers } from "./browser.mjs";
import { layOnnxruntime, thisPlatform } from "./onnxruntime.mjs";

const ASSEMBLY = "src/kernels/assembly";
const OUT = "dist/kernels";
const newest = (folder) =>
  Math.max(...readdirSync(folder, { recursive: true }).map((f) => statSync(join(folder, f)).mtimeMs));

mkdirSync(OUT, { recursive: true });
const only = process.argv[2];
/** Kernels that are built a second time, for memory that threads share. */
const SHARED = ["table"];
const common = ["-O3", "--noAssert", "--runtime", "stub", "--importMemory", "--zeroFilledMemory"];
const memory = ["--initialMemory", "16", "--maximumMemory", "65536"];
const transform = ["--transform", "./scripts/layouts.mjs"];
const threads = ["--enable", "threads", "--sharedMemory"];
for (const name of readdirSync(ASSEMBLY)) {
  if (only && only !== name) continue;
  const entry = join(ASSEMBLY, name, "index.ts");
  if (!existsSync(entry)) continue;
  compile(entry, join(OUT, `${name}.wasm`), []);
  if (SHARED.includes(name)) compile(entry, join(OUT, `${name}-shared.wasm`), threads);
}
if (!only) {
  layOnnxruntime(thisPlatform());
  removeStale();
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], { stdio: "inherit" });
  cpSync("src/serve/page", "dist/serve/page", { recursive: true });
  await bundle();
  await bundleForBrowsers();
}

/** Compiles a kernel, unless it is newer than all sources. */
function compile(entry, target, more) {
  const sources = Math.max(newest(ASSEMBLY), statSync("scripts/layouts.mjs").mtimeMs);
  if (!only && existsSync(target) && statSync(target).mtimeMs > sources) return;
  const options = ["-o", target, "--enable", "simd", ...common, ...transform, ...memory, ...more];
  execFileSync(process.execPath, ["node_modules/assemblyscript/bin/asc.js", entry, ...options], { stdio: "inherit" });
}

/** Removes what earlier builds made of sources that are gone: a package would carry it. */
function removeStale() {
  for (const file of readdirSync("dist", { recursive: true })) {
    const source = join("src", file.replace(/(\.d)?\.[jt]s$/, ".ts"));
    if (/^(onnxruntime|chunks|serve\/page)\b/.test(file) || !file.match(/\.[jt]s$/) || existsSync(source)) continue;
    rmSync(join("dist", file));
  }
}

/**
 * Puts the modules that a start loads into few files: the command line's and each thread's. Those of our own, and libraries that
 * are many small modules; the others are loaded as installed, seldom and on demand. The single modules stay beside, for who imports them.
 */
async function bundle() {
  const inside = /^(commander|typebox|yaml)(\/|$)/;
  const external = (id) => /^[a-z@]/.test(id) && !inside.test(id);
  for (const door of ["./dist/schema/typebox.js", "./dist/schema/compile.js"])
    await build({ input: door, output: { file: door }, platform: "node", logLevel: "warn" });
  rmSync("dist/chunks", { recursive: true, force: true });
  for (const entry of [
    "cli/main",
    "train/workers/decode-worker",
    "train/workers/consumer-worker",
    "train/together/learner-worker",
    "checkpoints/writer-worker",
    "serve/model-worker",
    "serve/scoring-worker",
  ]) {
    const output = { dir: "dist", entryFileNames: `${entry}.js`, chunkFileNames: "chunks/[name]-[hash].js" };
    await build({ input: `./dist/${entry}.js`, external, output, platform: "node", logLevel: "warn" });
  }
}
