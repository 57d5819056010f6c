// Builds the package into dist/: AssemblyScript kernels, ONNX Runtime for this platform, TypeScript, and TypeBox in one file.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { build } from "rolldown";
import { layOnnxruntime, thisPlatform } from "./onnxruntime.mjs";

const ASSEMBLY = "src/kernels/assembly";
const OUT = "dist/kernels";
const newest = (folder) =>
  Math.max(...readdirSync(folder, { recursive: true }).map((f) => statSync(join(folder, f)).mtimeMs));

mkdirSync(OUT, { recursive: true });
const only = process.argv[2];
for (const name of ["scan", "table", "metric", "split", "hotness", "code"]) {
  if (only && only !== name) continue;
  const target = join(OUT, `${name}.wasm`);
  const entry = join(ASSEMBLY, name, "index.ts");
  if (!existsSync(entry)) continue;
  if (!only && existsSync(target) && statSync(target).mtimeMs > newest(ASSEMBLY)) continue;
  execFileSync(
    process.execPath,
    [
      "node_modules/assemblyscript/bin/asc.js",
      entry,
      "-o",
      target,
      "--enable",
      "simd",
      "-O3",
      "--noAssert",
      "--runtime",
      "stub",
      "--importMemory",
      "--initialMemory",
      "16",
      "--maximumMemory",
      "65536",
    ],
    { stdio: "inherit" },
  );
}
if (!only) {
  layOnnxruntime(thisPlatform());
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], { stdio: "inherit" });
  const typebox = "dist/spec/typebox.js";
  await build({ input: typebox, output: { file: typebox }, platform: "node", logLevel: "warn" });
}
