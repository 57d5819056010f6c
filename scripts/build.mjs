// Builds the package into dist/: AssemblyScript kernels, ONNX Runtime for this platform, TypeScript, and bundles of the modules loaded at a start.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { build } from "rolldown";
import { bundleForBrowsers } from "./browser.mjs";
import { layOnnxruntime, thisPlatform } from "./onnxruntime.mjs";

const ASSEMBLY = "src/kernels/assembly";
const OUT = "dist/kernels";
const MADE = "dist/sources.made";
/**
 * The modules loaded at a start, one array per bundle: its entries and, by name, modules that become a separate file with everything they load, except
 * what an earlier group has. Node finds, reads and links a file in about a millisecond of processor time; without bundles there would be a hundred.
 */
const BUNDLES = [
  [["index", "portable/node", "portable/client"]], // with one HashbrookError
  [["cli/main"], { program: "cli/program", spec: "spec/parse", train: "cli/train" }],
  [["train/workers/decode-worker"], { decoding: "train/workers/decoding" }],
  [["train/workers/consumer-worker"], { consumers: "train/(trainer|evaluation/evaluator|prediction/predictor)" }],
  [["train/workers/lanes-worker"]],
  [["train/together/learner-worker"]],
  [["checkpoints/writer-worker"]],
  [["serve/models/model-worker"]],
  [["serve/threads/scoring-worker"]],
  [["impression-log/log-worker"]],
];

mkdirSync(OUT, { recursive: true });
const only = process.argv[2];
/** Kernels that are built a second time, for memory shared between threads. */
const SHARED = ["table", "column"];
const common = ["-O3", "--noAssert", "--runtime", "stub", "--importMemory", "--zeroFilledMemory"];
const memory = ["--initialMemory", "16", "--maximumMemory", "65536"];
const transform = ["--transform", "./scripts/layouts.mjs"];
const threads = ["--enable", "threads", "--sharedMemory"];
const kernels = readdirSync(ASSEMBLY).filter((name) => existsSync(join(ASSEMBLY, name, "index.ts")));
// TypeScript is compiled by another process meanwhile.
const rest = only ? null : makeRest();
for (const name of kernels) {
  if (only && only !== name) continue;
  const entry = join(ASSEMBLY, name, "index.ts");
  await compile(entry, join(OUT, `${name}.wasm`), []);
  if (SHARED.includes(name)) await compile(entry, join(OUT, `${name}-shared.wasm`), threads);
}
await rest;

/** Runs a program of Node. @throws Error if it fails */
function run(...args) {
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`${args[0]}: exit ${code}`))));
  });
}

async function makeRest() {
  layOnnxruntime(thisPlatform());
  const sources = hashOfAll();
  if (!isMade(sources)) await makeAll(sources);
  // Tests check whether sources are newer (test/built.ts).
  utimesSync("dist/index.js", new Date(), new Date());
}

/** Whether everything else in dist/ was built from the same sources: `dist/sources.made` has their hash. */
function isMade(sources) {
  return existsSync(MADE) && readFileSync(MADE, "utf8") === sources;
}

function hashOfAll() {
  const names = ["src", "scripts"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const files = [...names.sort(), "package-lock.json", "tsconfig.json"];
  return hashOf(files, files);
}

/** @param sources their hash before they were read: a source that changes meanwhile is built again */
async function makeAll(sources) {
  rmSync(MADE, { force: true });
  removeStale();
  await run("node_modules/typescript/bin/tsc", "-p", "tsconfig.json");
  for (const page of ["serve/page", "report/page"]) cpSync(`src/${page}`, `dist/${page}`, { recursive: true });
  await bundle();
  BUNDLES[0][0].forEach(layCommonJs);
  await bundleForBrowsers();
  writeFileSync(MADE, sources);
}

/** Compiles a kernel, unless it was built from the same sources: `NAME.wasm.made` has their hash. */
async function compile(entry, target, more) {
  const options = ["--enable", "simd", ...common, ...transform, ...memory, ...more];
  const made = hashOf(
    [...sourcesOf(entry), "scripts/layouts.mjs", "node_modules/assemblyscript/package.json"],
    options,
  );
  const stamp = `${target}.made`;
  if (!only && existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === made) return;
  // All of them in this process: starting the compiler takes longer than compiling a small kernel.
  const { default: asc } = await import("assemblyscript/asc");
  const { error, stderr } = await asc.main([entry, "-o", target, ...options]);
  if (error) throw new Error(`${entry}: ${error.message}\n${stderr}`);
  writeFileSync(stamp, made);
}

/** A source and everything it imports. */
function sourcesOf(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, name] of readFileSync(file, "utf8").matchAll(/from "(\.[^"]+)"/g)) {
    const path = join(dirname(file), name.replace(/\.js$/, ""));
    sourcesOf(existsSync(`${path}.ts`) ? `${path}.ts` : join(path, "index.ts"), found);
  }
  return found;
}

function hashOf(files, options) {
  const hash = createHash("sha256").update(JSON.stringify(options));
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex");
}

/** Removes outputs of deleted sources, which a package would otherwise contain. */
function removeStale() {
  for (const file of readdirSync("dist", { recursive: true })) {
    const source = join("src", file.replace(/(\.d)?\.[jt]s$/, ".ts"));
    if (/^(onnxruntime|chunks|serve\/page|report\/page)\b/.test(file) || !file.match(/\.[jt]s$/) || existsSync(source))
      continue;
    rmSync(join("dist", file));
  }
}

/**
 * Bundles the modules loaded at a start into few files: the library's, the command line's and each thread's. Bundles contain our modules, and libraries
 * of many small modules; other libraries are loaded as installed, rarely and on demand. The single modules remain for those who import them.
 */
async function bundle() {
  const inside = /^(commander|typebox|yaml)(\/|$)/;
  const external = (id) => /^[a-z@]/.test(id) && !inside.test(id);
  const plain = { platform: "node", logLevel: "warn" };
  for (const door of ["./dist/schema/typebox.js", "./dist/schema/compile.js"])
    await build({ ...plain, input: door, output: { file: door } });
  await bundleOnnxProto();
  rmSync("dist/chunks", { recursive: true, force: true });
  for (const [entries, groups = {}] of BUNDLES)
    await build({
      ...plain,
      external,
      input: Object.fromEntries(entries.map((entry) => [entry, `./dist/${entry}.js`])),
      output: {
        dir: "dist",
        entryFileNames: "[name].js",
        chunkFileNames: "chunks/[name]-[hash].js",
        comments: { legal: true, annotation: false, jsdoc: false },
        codeSplitting: { groups: Object.entries(groups).map(groupOf) },
      },
    });
}

/**
 * Puts the messages of ONNX files and the part of protobufjs that writes them into one file, with their terms. As for a browser, so that it looks for no
 * further module: protobufjs would take `long` for 64-bit numbers that are not safe integers, of which there are none.
 */
async function bundleOnnxProto() {
  const file = "dist/graph/onnx-proto.js";
  await build({ platform: "browser", logLevel: "warn", input: `./${file}`, output: { file, minify: true } });
  const terms = ["onnx-proto", "protobufjs"].map(
    (name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8")}`,
  );
  writeFileSync("dist/graph/onnx-proto.LICENSE", terms.join("\n\n"));
}

/**
 * What `require` finds: the same module. Node loads ES modules by `require`, but TypeScript refuses their types to CommonJS modules unless `module` is
 * node20 or later.
 */
function layCommonJs(entry) {
  const module = JSON.stringify(`./${basename(entry)}.js`);
  writeFileSync(`dist/${entry}.cjs`, `module.exports = require(${module});\n`);
  writeFileSync(`dist/${entry}.d.cts`, `// @ts-ignore: require loads ES modules.\nexport * from ${module};\n`);
}

function groupOf([name, modules], i) {
  return { name, test: new RegExp(`/dist/${modules}\\.js$`), priority: 100 - i };
}
