// Copies ONNX Runtime for the CPU into dist/onnxruntime: the binaries of this platform, or with --all those of every platform,
// for a packed package. They come from the official onnxruntime-node package. That is not a dependency, because its
// install script downloads GPU libraries from outside the npm registry, and fails the whole installation if it cannot.
//
//   node scripts/onnxruntime.mjs [--all | --only] [--into DIR]
//     --all    every platform          --only   this platform; removes the binaries of others
//     --into   target folder (dist/onnxruntime)
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const VERSION = "1.30.0";
const INTEGRITY = "sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==";
const BINDING = "onnxruntime_binding.node";
/**
 * The files needed for the CPU on each platform. onnxruntime.dll loads DirectML.dll, and that the DirectX compiler, only if a
 * session uses the GPU.
 */
const BINARIES = {
  "linux/x64": [BINDING, "libonnxruntime.so.1"],
  "linux/arm64": [BINDING, "libonnxruntime.so.1"],
  "darwin/arm64": [BINDING, "libonnxruntime.1.dylib"],
  "win32/x64": [BINDING, "onnxruntime.dll"],
  "win32/arm64": [BINDING, "onnxruntime.dll"],
};
const CODE = ["index.js", "backend.js", "binding.js", "version.js"];
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Copies the binaries of `platforms` ("linux/x64") into `folder`, unless they exist. */
export function layOnnxruntime(platforms, folder = join(root, "dist/onnxruntime")) {
  if (!isCurrent(folder)) rmSync(folder, { recursive: true, force: true });
  const missing = platforms.filter((platform) => !existsSync(join(folder, binaryFolder(platform))));
  if (isCurrent(folder) && missing.length === 0) return;
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(join(dirname(folder), ".onnxruntime-"));
  try {
    unpack(fetchPackage(work), work, missing);
    if (!existsSync(folder)) move(layCode(work), folder);
    for (const platform of missing)
      move(join(work, "package", binaryFolder(platform)), join(folder, binaryFolder(platform)));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** This platform, as a list: empty if ONNX Runtime has no binaries for it. */
export function thisPlatform() {
  const platform = `${process.platform}/${process.arch}`;
  if (platform in BINARIES) return [platform];
  console.error(`ONNX Runtime does not support ${platform}: models with a tower need runtime: tensorflow here`);
  return [];
}

const binaryFolder = (platform) => `bin/napi-v6/${platform}`;

function isCurrent(folder) {
  const manifest = join(folder, "package.json");
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).version === VERSION;
}

/** The package from the registry: npm caches it, and none of its scripts run. */
function fetchPackage(work) {
  const args = ["pack", `onnxruntime-node@${VERSION}`, "--pack-destination", ".", "--prefer-offline", "--silent"];
  // Options of the npm that runs this, such as --dry-run, do not apply here.
  args.push("--dry-run=false", "--json=false", "--global=false");
  const npm = process.env.npm_execpath;
  if (npm?.endsWith(".js"))
    execFileSync(process.execPath, [npm, ...args], { cwd: work, stdio: ["ignore", "ignore", "inherit"] });
  else
    execFileSync("npm", args, {
      cwd: work,
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32",
    });
  const file = join(
    work,
    readdirSync(work).find((name) => name.endsWith(".tgz")),
  );
  const found = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
  if (found !== INTEGRITY) throw new Error(`onnxruntime-node ${VERSION}: integrity is ${found}, expected ${INTEGRITY}`);
  return file;
}

function unpack(file, work, platforms) {
  const binaries = platforms.flatMap((platform) =>
    BINARIES[platform].map((name) => `${binaryFolder(platform)}/${name}`),
  );
  const wanted = [...CODE.map((name) => `dist/${name}`), ...binaries].map((name) => `package/${name}`);
  execFileSync("tar", ["-xzf", file, ...wanted], { cwd: work, stdio: ["ignore", "ignore", "inherit"] });
}

/** The JavaScript files next to the binaries, with the licence. */
function layCode(work) {
  const folder = join(work, "code");
  mkdirSync(folder);
  renameSync(join(work, "package/dist"), join(folder, "dist"));
  const manifest = { name: "onnxruntime-node", version: VERSION, license: "MIT", type: "commonjs", private: true };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  const terms = readFileSync(join(root, "LICENSE"), "utf8").split("\n").slice(3).join("\n");
  writeFileSync(join(folder, "LICENSE"), `MIT License\n\nCopyright (c) Microsoft Corporation\n${terms}`);
  return folder;
}

/** Renames, unless another build has already done so. */
function move(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = { all: { type: "boolean" }, only: { type: "boolean" }, into: { type: "string" } };
  const { values } = parseArgs({ options });
  const folder = resolve(values.into ?? join(root, "dist/onnxruntime"));
  const platforms = values.all ? Object.keys(BINARIES) : thisPlatform();
  layOnnxruntime(platforms, folder);
  for (const other of values.only ? Object.keys(BINARIES).filter((name) => !platforms.includes(name)) : [])
    rmSync(join(folder, binaryFolder(other)), { recursive: true, force: true });
}
