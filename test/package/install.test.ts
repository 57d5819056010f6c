import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

/** The maximum size of a consumer's folder. */
const MAX_TREE_MB = 330;
/** The oldest Node of package.json's engines. */
const OLDEST_NODE = "20.19.0";
const semver = createRequire(import.meta.url)("semver") as { satisfies(version: string, range: string): boolean };
const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { version: string; files: string[] };
const temporary = (name: string) => mkdtempSync(join(tmpdir(), `hashbrook-${name}-`));
const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

let tarball: string;
/** Bytes of the native libraries, which are counted but not packed. */
let blanked = 0;
/** Those of this platform, which a consumer gets unchanged. */
const OWN = join("dist/onnxruntime/bin/napi-v6", process.platform, process.arch);

/** Packs a copy of the build, so that concurrent tests are not affected; without what `npm run docs` may be installing under scripts. */
beforeAll(() => {
  const stage = temporary("stage");
  const packed = manifest.files.filter((file) => !file.startsWith("!")).map((file) => file.split("/")[0]);
  for (const name of ["package.json", "README.md", "LICENSE", ...packed])
    cpSync(name, join(stage, name), { recursive: true, filter: (path) => basename(path) !== "node_modules" });
  const onnxruntime = join(stage, "dist/onnxruntime");
  node("scripts/onnxruntime.mjs", "--all", "--into", onnxruntime);
  blankLibraries(join(onnxruntime, "bin/napi-v6"));
  npm(stage, ["pack", "--ignore-scripts", "--silent"]);
  tarball = join(stage, `hashbrook-${manifest.version}.tgz`);
}, 600_000);

/** Empties the native libraries: only their names and sizes matter here, and they take long to pack and install. */
function blankLibraries(folder: string): void {
  const libraries = files(folder);
  expect(libraries.length).toBeGreaterThan(files(OWN).length);
  for (const file of libraries) {
    blanked += statSync(file).size;
    truncateSync(file, 0);
  }
}

function node(...args: string[]): void {
  execFileSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
}

const npmVersion = execFileSync("npm", ["--version"], { encoding: "utf8" });

/** Runs npm, or another version of it; returns its output. */
function npm(cwd: string, args: readonly string[], version?: string): string {
  const other = version !== undefined && !npmVersion.startsWith(`${version}.`);
  const [command, ...before] = other ? ["npx", "--yes", `npm@${version}`] : ["npm"];
  const { HASHBROOK_EXTRA_CA_CERTS: authorities } = process.env;
  const env = { ...process.env, ...(authorities && { NODE_EXTRA_CA_CERTS: authorities }) };
  const { status, stdout, stderr } = spawnSync(command, [...before, ...args], { cwd, encoding: "utf8", env });
  expect(status, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`).toBe(0);
  return stdout + stderr;
}

/** Runs the package's program in the consumer's folder. */
function hashbrook(cwd: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(join(cwd, "node_modules/.bin/hashbrook"), args, {
    cwd,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const QUIET = ["--engine-strict", "--no-audit", "--no-fund", "--prefer-offline"];

/** A folder with the package installed. @param version of npm */
function consumer(version: string): string {
  const folder = temporary("consumer");
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  npm(folder, ["install", ...QUIET, tarball], version);
  return withLibraries(folder);
}

/** One with the same versions, which are not resolved again: half of the time of an installation. */
function consumerLike(other: string, flags: readonly string[]): string {
  const folder = temporary("consumer");
  for (const name of ["package.json", "package-lock.json"]) cpSync(join(other, name), join(folder, name));
  npm(folder, ["ci", ...QUIET, ...flags]);
  return withLibraries(folder);
}

function withLibraries(folder: string): string {
  cpSync(OWN, join(folder, "node_modules/hashbrook", OWN), { recursive: true });
  return folder;
}

/** Leaves the declarations of other packages out of type checks: those of typebox take five seconds. */
function uncheckOthers(folder: string): void {
  const tree = join(folder, "node_modules");
  for (const file of files(tree)) {
    if (!/\.d\.[cm]?ts$/.test(file) || relative(tree, file).startsWith("hashbrook/")) continue;
    writeFileSync(file, `// @ts-nocheck\n${readFileSync(file, "utf8")}`);
  }
}

describe("the package in an empty folder", () => {
  let folder: string;

  beforeAll(() => {
    // Newer versions of npm run install scripts only if allowed; the one in Node 20 always runs them.
    folder = consumer("10");
  }, 600_000);

  it("is the same, file by file, with --ignore-scripts: no install script does anything", () => {
    const listed = (of: string) =>
      files(join(of, "node_modules"))
        .map((file) => `${relative(of, file)} ${statSync(file).size}`)
        .sort();
    expect(listed(consumerLike(folder, ["--ignore-scripts"]))).toEqual(listed(folder));
  }, 600_000);

  it(`takes at most ${MAX_TREE_MB} MB, for Node ${OLDEST_NODE} on, without install scripts or TensorFlow.js`, () => {
    const tree = join(folder, "node_modules");
    const unpacked = files(tree).filter((file) => !file.includes(OWN));
    const bytes = blanked + unpacked.reduce((sum, file) => sum + statSync(file).size, 0);
    console.log(`a consumer's node_modules: ${(bytes / 1e6).toFixed(0)} MB`);
    expect(bytes / 1e6).toBeLessThan(MAX_TREE_MB);
    expect(existsSync(join(tree, "@tensorflow"))).toBe(false);
    const lock = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8")) as {
      packages: Record<string, { engines?: { node?: string }; hasInstallScript?: true }>;
    };
    expect(Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([]);
    const tooNew = Object.entries(lock.packages).filter(
      ([, { engines }]) => engines?.node && !semver.satisfies(OLDEST_NODE, engines.node),
    );
    expect(tooNew).toEqual([]);
  });

  it("trains deep_crossing and scores, from the command line and as a library", () => {
    const spec = "node_modules/hashbrook/features/ads-demo.yaml";
    const trained = hashbrook(folder, [
      "train",
      "--model",
      spec,
      "--data",
      "simulate:4000:7",
      "--out",
      "run",
      "--json",
    ]);
    expect(trained.status, trained.stderr).toBe(0);
    expect(JSON.parse(trained.stdout)).toMatchObject({ examples: 4000, rejected: 0, skipped: 0 });
    const program = `
      import { Scorer } from "hashbrook";
      import { Scorer as Portable } from "hashbrook/scorer";
      import manifest from "hashbrook/package.json" with { type: "json" };
      import schema from "hashbrook/schema.json" with { type: "json" };
      const scorer = await Scorer.load("run");
      const { scores } = await scorer.score(Buffer.from('{"candidates": [{"ad": "a1"}, {"ad": "a2"}]}'));
      const candidates = [{ ad: "a1" }, { ad: "a2" }];
      const portable = (await (await Portable.load("run")).score({ candidates })).scores;
      const features = import.meta.resolve("hashbrook/features/ads-demo.yaml");
      console.log(JSON.stringify({ scores, portable, version: manifest.version, schema: typeof schema, features }));
      process.exit(0);`;
    writeFileSync(join(folder, "score.mjs"), program);
    const scored = spawnSync(process.execPath, ["score.mjs"], { cwd: folder, encoding: "utf8" });
    expect(scored.status, scored.stderr).toBe(0);
    const { scores, portable, ...found } = JSON.parse(scored.stdout);
    expect(portable).toEqual(scores);
    expect(scores.map((score: number) => score > 0 && score < 1)).toEqual([true, true]);
    expect(found).toMatchObject({ version: manifest.version, schema: "object" });
    expect(existsSync(new URL(found.features))).toBe(true);
  });

  it("can be required from CommonJS", () => {
    writeFileSync(
      join(folder, "require.cjs"),
      'console.log(typeof require("hashbrook").train, typeof require("hashbrook/client").Client);',
    );
    const { status, stdout, stderr } = spawnSync(process.execPath, ["require.cjs"], { cwd: folder, encoding: "utf8" });
    expect(status, stderr).toBe(0);
    expect(stdout.trim()).toBe("function function");
  });

  it("type-checks in CommonJS projects too, where TypeScript refused an ES module (TS1479)", () => {
    const uses = `import { type Report, type Scorer, train } from "hashbrook";
      import { Client } from "hashbrook/client";
      import { Scorer as Portable } from "hashbrook/scorer";
      const of = (scorer: Scorer) => scorer.version;
      const report: Promise<Report> = train({ model: "ads.yaml", out: "run" });
      console.log(of, report, new Client("http://localhost"), Portable.load("run"));
      // @ts-expect-error: types are there.
      train(5);`;
    for (const name of ["uses.ts", "uses.mts"]) writeFileSync(join(folder, name), uses);
    const node = ["--types", "node", "--typeRoots", resolve("node_modules/@types")];
    // Once without the names of the DOM.
    const libraries: Readonly<Record<string, readonly string[]>> = { nodenext: ["--lib", "es2023"] };
    for (const module of ["nodenext", "node16", "node18", "node20"]) {
      const lib = libraries[module] ?? [];
      const to = ["--target", "es2023", ...lib, "--module", module];
      const args = ["--noEmit", "--strict", ...to, ...node, "uses.ts", "uses.mts"];
      const checked = spawnSync(process.execPath, [resolve("node_modules/typescript/bin/tsc"), ...args], {
        cwd: folder,
        encoding: "utf8",
      });
      expect(checked.stdout, `--module ${module}`).toBe("");
      expect(checked.status, checked.stderr).toBe(0);
      // Once without an exception.
      if (module === "nodenext") uncheckOthers(folder);
    }
  });

  it("reports how to install TensorFlow.js if a spec requires it", () => {
    const spec = readFileSync("features/ads-demo.yaml", "utf8").replace(
      "deep_crossing:",
      "runtime: tensorflow, deep_crossing:",
    );
    writeFileSync(join(folder, "tensorflow.yaml"), spec);
    const args = ["train", "--model", "tensorflow.yaml", "--data", "simulate:100:7", "--out", "other"];
    const { status, stderr } = hashbrook(folder, args);
    expect(status).toBe(7);
    expect(stderr).toContain("npm install @tensorflow/tfjs");
  });

  it("reports how to install what --row-cache and --row-store require", () => {
    const serve = ["serve", "--checkpoint", "run", "--port", "0", "--row-store", "rows"];
    for (const [name, more] of [
      ["iovalkey", ["--row-cache", "redis://127.0.0.1:1"]],
      ["lmdb", []],
    ] as const) {
      const { status, stderr } = hashbrook(folder, [...serve, ...more]);
      expect(status, stderr).toBe(7);
      expect(stderr).toMatch(new RegExp(`requires the package ${name}.*\n.*npm install ${name}$`, "m"));
    }
  });
});

it("the package contains every file that its documents link to", () => {
  const folder = temporary("unpacked");
  execFileSync("tar", ["-xzf", tarball, "-C", folder]);
  const root = join(folder, "package");
  const documents = files(root).filter((file) => file.endsWith(".md"));
  const broken = documents.flatMap((document) =>
    [...readFileSync(document, "utf8").matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .map((match) => match[1])
      .filter((link) => !/^[a-z]+:/.test(link) && !existsSync(resolve(dirname(document), link)))
      .map((link) => `${relative(root, document)}: ${link}`),
  );
  expect(documents.length).toBeGreaterThan(5);
  expect(broken).toEqual([]);
});

it("a build installs only the ONNX Runtime of its own platform, so an image contains no other", () => {
  const folder = "dist/onnxruntime";
  node("scripts/onnxruntime.mjs", "--only");
  const binaries = files(join(folder, "bin")).map((file) => relative(join(folder, "bin/napi-v6"), dirname(file)));
  expect([...new Set(binaries)]).toEqual([join(process.platform, process.arch)]);
  const bytes = files(folder).reduce((sum, file) => sum + statSync(file).size, 0);
  expect(bytes / 1e6).toBeLessThan(60);
});

it("the Dockerfile copies existing files, including all that the build reads", () => {
  const dockerfile = readFileSync("deploy/Dockerfile", "utf8");
  const copied = [...dockerfile.matchAll(/^COPY ([^-].*) \S+$/gm)].flatMap((match) => match[1].split(" "));
  expect(copied.filter((name) => !existsSync(name))).toEqual([]);
  expect(copied).toEqual(expect.arrayContaining(["scripts", "src", "tsconfig.json", "LICENSE", "package-lock.json"]));
});
