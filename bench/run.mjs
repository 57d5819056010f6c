// Runs the benches, each in a new process, and writes their results as JSON to bench/results.
//
//   npm run bench                     all
//   npm run bench -- scan lr          some
//   npm run bench -- join-memory --minutes 30
//   npm run bench -- serving --only reload    a part of one with parts; nothing is written
//   npm run bench:smoke               all at a small size: checks that they run, and their results
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { text } from "node:stream/consumers";

const words = process.argv.slice(2);
const smoke = words.includes("--smoke");
const at = words.indexOf("--minutes");
const minutes = at < 0 ? undefined : Number(words.splice(at, 2)[1]);
const part = words.indexOf("--only");
const only = part < 0 ? undefined : (words.splice(part, 2)[1] ?? "").split(",");
const names = words.filter((word) => !word.startsWith("--"));

const flags = words.filter((word) => word.startsWith("--") && word !== "--smoke");
if (minutes !== undefined && !(minutes > 0)) flags.push("--minutes");
if (only && names.length !== 1) flags.push("--only");
const all = readdirSync("bench")
  .filter((name) => name.endsWith(".ts"))
  .map((name) => name.slice(0, -3))
  .sort();
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length > 0 || flags.length > 0) {
  const help = flags.length === 1 && flags[0] === "--help" && unknown.length === 0;
  const wrong = help
    ? "npm run bench -- [NAME…] [--smoke] [--minutes N], or NAME --only PART,…"
    : `unknown bench or flag: ${[...flags, ...unknown].join(", ")}`;
  console.log(`${wrong} (benches: ${all.join(", ")})`);
  process.exit(help ? 0 : 2);
}

execFileSync(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" });
rmSync("build", { recursive: true, force: true });
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.bench.json"], { stdio: "inherit" });
for (const file of readdirSync("dist/kernels").filter((name) => name.endsWith(".wasm"))) {
  cpSync(`dist/kernels/${file}`, `build/src/kernels/${file}`);
}

cpSync("scripts/kafka-broker.mjs", "build/scripts/kafka-broker.mjs");

/** What those printed that failed: told last, as the results of the others are long. */
const failed = [];
/** The longest at a small size start first, so that the workers end together. */
const LONG = ["serving", "scaling", "join-memory", "kafka", "compression", "deep-crossing", "serve-log", "together"];
const waiting = names.length > 0 ? names : smoke ? [...new Set([...LONG, ...all])] : all;
// Rates are measured without concurrent benches; results do not depend on them, and half of the time is spent waiting for brokers and servers.
await Promise.all(Array.from({ length: smoke ? 3 : 1 }, worker));
for (const { name, output } of failed) console.error(`${name}: FAILED\n${output}`);
process.exit(failed.length > 0 ? 1 : 0);

async function worker() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await measure(name);
}

async function measure(name) {
  const program = `import { run } from "./bench/${name}.js"; console.log("\\nRESULT " + JSON.stringify(await run({ smoke: ${smoke}, minutes: ${minutes}, only: ${JSON.stringify(only)} }))); process.exit(0);`;
  const started = performance.now();
  writeFileSync(`build/run-${name}.mjs`, program);
  // Programs of a smoke run only connect to this machine: reading further certificate authorities takes 0.09 s of each start.
  const { NODE_EXTRA_CA_CERTS: _, ...local } = process.env;
  const options = { stdio: ["ignore", "pipe", "pipe"], env: smoke ? local : process.env };
  const child = spawn(process.execPath, [`build/run-${name}.mjs`], options);
  const ended = new Promise((resolve) => child.on("close", resolve));
  child.stderr.pipe(process.stderr, { end: false });
  const [output, errors, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  const line = output.split("\n").find((text) => text.startsWith("RESULT "));
  if (status !== 0 || !line) {
    failed.push({ name, output: `${output}${errors}` });
    return;
  }
  const result = JSON.parse(line.slice(7));
  console.log(
    `${name} (${((performance.now() - started) / 1000).toFixed(1)} s)\n${compact(JSON.stringify(result, null, 2))}`,
  );
  if (!smoke && !only && !result.skipped) keep(name, result);
}

function keep(name, result) {
  mkdirSync("bench/results", { recursive: true });
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const machine = {
    cpu: `${cpus()[0].model}${generation()}`,
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    v8: process.versions.v8,
  };
  const entry = {
    bench: name,
    command: `npm run bench -- ${name}${minutes === undefined ? "" : ` --minutes ${minutes}`}`,
    commit,
    machine,
    result,
  };
  writeFileSync(`bench/results/${name}.json`, `${compact(JSON.stringify(entry, null, 2))}\n`);
}

/** Virtual machines often name only the manufacturer: family and model identify the generation. */
function generation() {
  const info = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const value = (name) => info.match(new RegExp(`^${name}\\s*: (.*)$`, "m"))?.[1];
  return value("cpu family") ? `, family ${value("cpu family")} model ${value("model")}` : "";
}

/** Lists of plain values on one line each. */
function compact(json) {
  return json.replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, values) => `[${values.replace(/\s*\n\s*/g, " ")}]`);
}
