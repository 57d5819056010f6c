// Formats the AssemblyScript kernels like everything else; `--check` only lists unformatted ones. Biome cannot parse decorators before
// functions, so it gets a copy in which they are comments. It does not lint: its rules are for JavaScript.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const KERNELS = "src/kernels/assembly";
const biome = resolve("node_modules/@biomejs/biome/bin/biome");
const { formatter, javascript } = JSON.parse(readFileSync("biome.json", "utf8"));

const files = readdirSync(KERNELS, { recursive: true }).filter((file) => file.endsWith(".ts"));
const sources = new Map(files.map((file) => [file, readFileSync(join(KERNELS, file), "utf8")]));
const copy = mkdtempSync(join(tmpdir(), "kernels-"));
try {
  put("biome.json", JSON.stringify({ formatter, javascript }));
  for (const [file, text] of sources) put(file, text.replace(/^@/gm, "//@"));
  execFileSync(process.execPath, [biome, "format", "--write", "--log-level=error", "."], {
    cwd: copy,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const untidy = files.filter((file) => formatted(file) !== sources.get(file));
  if (!process.argv.includes("--check")) for (const file of untidy) writeFileSync(join(KERNELS, file), formatted(file));
  else if (untidy.length > 0) {
    for (const file of untidy) console.error(`${join(KERNELS, file)}: not formatted (npm run format)`);
    process.exitCode = 1;
  }
} finally {
  rmSync(copy, { recursive: true });
}

function put(file, text) {
  mkdirSync(dirname(join(copy, file)), { recursive: true });
  writeFileSync(join(copy, file), text);
}

function formatted(file) {
  return readFileSync(join(copy, file), "utf8").replace(/^\/\/@/gm, "@");
}
