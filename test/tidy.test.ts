import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../src/cli/commands.js";
import { encodingKinds, kindsThat } from "../src/encodings/index.js";
import { fieldKinds } from "../src/fields/index.js";
import { optimizerKinds } from "../src/optimizers/index.js";
import { learnsByEvent, towerKinds } from "../src/towers/index.js";
import { poolingKinds } from "../src/towers/poolings/index.js";
import { LONG } from "./long.js";

/** Folders in the order data flows; a file may import from folders before its own (and from its own). */
const LAYERS: readonly (readonly string[])[] = [
  ["core"],
  ["schema", "event-schemas", "kernels", "graph", "object-store"],
  ["fields", "optimizers", "towers"],
  ["runtimes"],
  ["tables"],
  ["encodings"],
  ["schema-registry"],
  ["spec", "sources", "decode", "metrics", "checkpoints", "delta-log"],
  ["event-cache", "row-store"],
  ["calibration", "gate"],
  ["model"],
  ["warm-start"],
  ["exports", "inspect", "migrate", "item2vec", "train", "serve"],
  ["draft", "tune", "explain", "impression-log"],
  ["report"],
  ["portable"],
  ["cli"],
];
/** Sideways imports that are allowed, with the reason. */
const ALLOWED: Readonly<Record<string, string>> = {
  "inspect → train": "ids' names are found in events, read as training reads them",
  "item2vec → train": "sequences come from the events that training reads, in its order",
  "migrate → train": "a migrated model is a trained one, checked and counted as such",
};
/** Single doors that another folder may go through, with the reason. */
const ALLOWED_DOORS: Readonly<Record<string, RegExp>> = {
  // The delta log travels through a topic, and src/sources/kafka is the only place that knows Kafka's client.
  "delta-log": /^sources\/kafka\/(client|admin|producer|options)$/,
};
/** Types every stage may know. */
const SHARED = new Set(["spec/compiled"]);
/** One door per outside library. */
const DOORS: Readonly<Record<string, RegExp>> = {
  "#onnxruntime": /^runtimes\/onnxruntime\.ts$/,
  "onnxruntime-common": /^runtimes\/onnx(-session|runtime|runtime-web)\.ts$/,
  "onnxruntime-web/wasm": /^runtimes\/onnxruntime-web\.ts$/,
  "@tensorflow/tfjs": /^runtimes\/tensorflow/,
  "onnx-proto": /^graph\/onnx-proto\.ts$/,
  kafkajs: /^sources\/kafka\/(assigner|client|codecs|membership|record-batch)\.ts$/,
  "@platformatic/kafka": /^sources\/kafka\/platformatic-cluster\.ts$/,
  "kafkajs-snappy": /^sources\/kafka\/codecs\.ts$/,
  lz4js: /^core\/lz4\.ts$/,
  iovalkey: /^row-store\/valkey\.ts$/,
  lmdb: /^row-store\/lmdb\.ts$/,
  aws4fetch: /^object-store\/s3-store\.ts$/,
  fzstd: /^core\/zstd\.ts$/,
  hyparquet: /^sources\/files\/parquet(-pages|-values)?\.ts$/,
  "apache-arrow": /^sources\/files\/arrow\.ts$/,
  fastify: /^serve\//,
  "prom-client": /^(serve|train)\/metrics\/prometheus/,
  commander: /^cli\//,
  yaml: /^spec\//,
  typebox: /^schema\/(typebox|compile)\.ts$/,
  "typebox/schema": /^schema\/compile\.ts$/,
};
/** Longest file allowed; hot kernels (assembly) may be longer. */
const MAX_LINES = 320;
const MAX_KERNEL_LINES = 600;
const MAX_KERNEL_COLUMNS = 150;

const root = resolve(import.meta.dirname, "../src");
const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.includes("assembly"))
  .map((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    const imports = [...code.matchAll(/(?:from|import|require\(import\.meta\.url\))\s*\(?\s*"([^"]+)"/gi)].map(
      (match) => match[1],
    );
    return { file, text, code, imports, loads: loadsOf(code) };
  });

/** What is loaded with a file: no types, and nothing that is loaded when it is needed. */
function loadsOf(code: string): string[] {
  return [...code.matchAll(/^(?:import|export)(?! type)([^;]*?)\sfrom "([^"]+)"/gm)]
    .filter(([, names]) => !/^\s*\{(\s*type [^,}]+,?)+\s*\}$/.test(names))
    .map(([, , name]) => name);
}

/** What Biome cannot read: its decorators stand before functions. */
const kernels = readdirSync(join(root, "kernels/assembly"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => `kernels/assembly/${file}`)
  .map((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return { file, text, loads: loadsOf(text) };
  });

/** Of the codes that are declared. */
const valuesOf = (text: string) => [...text.matchAll(/^export const \w+: u32 = (\d+);/gm)].map(([, value]) => value);

const folderOf = (path: string) => path.split("/")[0];
const layerOf = (folder: string) => LAYERS.findIndex((layer) => layer.includes(folder));

describe("the source tree", () => {
  it("imports only in the direction data flows", () => {
    const wrong = files.flatMap(({ file, imports }) =>
      imports
        .filter((name) => name.startsWith("."))
        .map((name) => relative(root, resolve(root, dirname(file), name)).replace(/\.js$/, ""))
        .filter((target) => !isAllowed(file, target))
        .map((target) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it("is what ARCHITECTURE.md says: every folder, every kernel module", () => {
    const text = readFileSync(join(root, "../docs/ARCHITECTURE.md"), "utf8");
    const folders = (path: string) =>
      readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? entry.name : [],
      );
    const listed = [...text.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual(folders(".").sort());
    const [modules] = /The modules: [\s\S]*?\. Every table/.exec(text)!;
    expect(folders("kernels/assembly").filter((name) => !modules.includes(`\`${name}\` (`))).toEqual([]);
  });

  it("keeps serving apart from training", () => {
    const reached = reach("serve/server.ts");
    expect(reached.filter((file) => /^(train|sources)\//.test(file))).toEqual([]);
  });

  it("keeps the scorer without a server apart from Kafka, training and the web framework", () => {
    const reached = reach("portable/node.ts");
    expect(reached.filter((file) => /^(train|sources|cli|serve\/(server|routes))\b/.test(file))).toEqual([]);
    const loaded = reached.flatMap((path) => files.find(({ file }) => file === path)!.imports);
    expect(loaded.filter((name) => /^(fastify|kafkajs|prom-client|commander|yaml)/.test(name))).toEqual([]);
  });

  it("has one door to every outside library", () => {
    const wrong = files.flatMap(({ file, imports }) =>
      imports.filter((name) => DOORS[name] && !DOORS[name].test(file)).map((name) => `${file} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it("takes time and chance from core alone", () => {
    const wrong = files.filter(
      ({ file, code }) =>
        !/^(core|cli)\//.test(file) && /Math\.random|Date\.now|new Date\(|performance\.now/.test(code),
    );
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it("declares private members in one way, with TypeScript's `private`", () => {
    expect(files.filter(({ code }) => /^\s+[\w ]*#\w+/m.test(code)).map(({ file }) => file)).toEqual([]);
  });

  it("has tests that draw the same cases in every run: through properties.ts", () => {
    const drawing = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".test.ts"))
      .filter((file) => /^import .* from "fast-check"/m.test(readFileSync(join(import.meta.dirname, file), "utf8")));
    expect(drawing).toEqual([]);
  });

  it("names no kind of tower or pooling outside of its registry and of drafts, which choose one", () => {
    const named = new RegExp(`["'](${[...towerKinds, ...poolingKinds].join("|")})["']`);
    const wrong = files.filter(({ file, code }) => !/^(towers|draft)\//.test(file) && named.test(code));
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it("names no kind of encoding outside of its registry; that of rows is named by the stores of rows, too", () => {
    const rows = kindsThat(({ store }) => store);
    const named = new RegExp(`["'](${encodingKinds.filter((kind) => !rows.includes(kind)).join("|")})["']`);
    const any = new RegExp(`["'](${encodingKinds.join("|")})["']`);
    const wrong = files.filter(
      // A strategy proposes kinds by name.
      ({ file, code }) =>
        !/^(encodings|tune\/strategies)\//.test(file) && (file.startsWith("spec/") ? any : named).test(code),
    );
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it("names no kind in the words of a hint, or as a member: a hint asks the registry", () => {
    const unmistakable = [...towerKinds, ...encodingKinds, ...optimizerKinds].filter((kind) => kind.includes("_"));
    const named = new RegExp(`\\b(${unmistakable.join("|")})\\b`);
    const wrong = files.filter(
      // The examples of a command's help name some.
      ({ file, code }) => !/^(encodings|towers|optimizers|tune\/strategies|draft|cli)\//.test(file) && named.test(code),
    );
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it("describes kinds without loading what works", () => {
    const reached = ["encodings/index.ts", "fields/index.ts", "optimizers/index.ts", "towers/index.ts"].flatMap(
      (start) => reach(start, "loads"),
    );
    expect(reached.filter((file) => /^(kernels|runtimes|graph|tables\/(?!spec|bytes))/.test(file))).toEqual([]);
  });

  it("names no type of field outside of its registry; what decodes fields has a registry of its own, and a draft chooses among them", () => {
    // "bag" is a kind of cell, too.
    const named = new RegExp(
      `["'](${Object.keys(fieldKinds)
        .filter((type) => type !== "bag")
        .join("|")})["']|type [!=]== "bag"`,
    );
    const wrong = files.filter(
      ({ file, code }) => !/^(fields\/|decode\/field-plan\.|draft\/)/.test(file) && named.test(code),
    );
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it("names no kind of optimizer in the spec", () => {
    const named = new RegExp(`\\b(${optimizerKinds.join("|")})\\b`);
    const wrong = files.filter(({ file, code }) => file.startsWith("spec/") && named.test(code));
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  it("has no circle of imports that carry a value, kernels included", () => {
    expect(circles([...files, ...kernels])).toEqual([]);
  });

  it("exports nothing from a kernel's file that no other reads", () => {
    const unread = kernels
      .filter(({ file }) => !file.endsWith("/index.ts"))
      .flatMap(({ file, text }) =>
        [...text.matchAll(/^export (?:function|class|let|const) (\w+)/gm)]
          .filter(([, name]) => !kernels.some((other) => other.file !== file && other.text.match(`\\b${name}\\b`)))
          .map(([, name]) => `${file}: ${name}`),
      );
    expect(unread).toEqual([]);
  });

  it("gives no two codes that stand in one block of a kernel the same number", () => {
    const codes = kernels.flatMap(({ file, text }) =>
      text.split("\n\n").map((block) => ({ file, values: valuesOf(block) })),
    );
    const twice = codes.filter(({ values }) => new Set(values).size < values.length).map(({ file }) => file);
    expect(twice).toEqual([]);
    expect(codes.some(({ file, values }) => file.endsWith("scan/plan.ts") && values.length >= 13)).toBe(true);
  });

  it("has kernels without tabs, trailing blanks and lines beyond any screen", () => {
    const untidy = kernels.flatMap(({ file, text }) =>
      text
        .split("\n")
        .flatMap((line, i) => (/\t|\s$/.test(line) || line.length > MAX_KERNEL_COLUMNS ? [`${file}:${i + 1}`] : [])),
    );
    expect(untidy).toEqual([]);
    expect(kernels.filter(({ text }) => text.split("\n").length > MAX_KERNEL_LINES).map(({ file }) => file)).toEqual(
      [],
    );
  });

  it("has the test files that are known to take long", () => {
    expect(LONG.filter((name) => !existsSync(resolve(root, "..", name)))).toEqual([]);
  });

  it("has files that read on few screens", () => {
    const long = files.filter(({ text }) => text.split("\n").length > MAX_LINES);
    expect(long.map(({ file }) => file)).toEqual([]);
  });
});

const home = resolve(root, "..");
const documents = readdirSync(home)
  .filter((name) => !["node_modules", "dist", "build", "runs", ".git"].includes(name))
  .flatMap((name) => markdownIn(name))
  .map((file) => ({ file, text: readFileSync(join(home, file), "utf8").replace(/^```[\s\S]*?^```/gm, "") }));

describe("the documents", () => {
  it("link to files and headings that are there", () => {
    const broken = documents.flatMap(({ file, text }) =>
      [...text.matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, link]) => link)
        .filter((link) => !/^[a-z]+:/.test(link) && !leadsSomewhere(file, link))
        .map((link) => `${file}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  it("can all be reached from the README", () => {
    const reached = new Set(["README.md"]);
    for (const name of reached) {
      const { text } = documents.find(({ file }) => file === name)!;
      for (const [, link] of text.matchAll(/\]\(([^)\s#]+\.md)/g))
        if (!/^[a-z]+:/.test(link)) reached.add(join(dirname(name), link));
    }
    const files = documents.map(({ file }) => file).filter((file) => !file.startsWith(".github"));
    expect(files.filter((file) => !reached.has(file))).toEqual([]);
  });

  it("name commands of npm that are there", () => {
    const { scripts } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as { scripts: object };
    const wrong = documents.flatMap(({ file, text }) =>
      [...text.matchAll(/\bnpm (?:run )?((?<=run )[\w:]+|test|start)/g)]
        .filter(([, name]) => !Object.hasOwn(scripts, name))
        .map(([command]) => `${file}: ${command}`),
    );
    expect(wrong).toEqual([]);
  });

  it("name, for the soak, every folder with tests of drawn cases", () => {
    const { scripts } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const drawing = (readdirSync(join(home, "test"), { recursive: true }) as string[])
      .filter((file) => file.endsWith(".ts") && file.includes("/"))
      .filter((file) => readFileSync(join(home, "test", file), "utf8").includes('/properties.js"'));
    expect(drawing.length).toBeGreaterThan(50);
    expect(drawing.filter((file) => !`${scripts["test:soak"]} `.includes(` test/${file.split("/")[0]} `))).toEqual([]);
  });

  it("name files that are there", () => {
    const wrong = documents.flatMap(({ file, text }) =>
      [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)+\.(?:d\.ts|ts|mjs|py|sh|yaml))`/g)]
        .map(([, name]) => name)
        .filter((name) => !["", "src", "test", dirname(file)].some((base) => existsSync(join(home, base, name))))
        .map((name) => `${file}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe("adding one thing takes what CONTRIBUTING.md says", () => {
  const subfolders = (path: string) => readdirSync(join(home, path)).filter((name) => !name.includes("."));
  const modules = (path: string) => readdirSync(join(home, path)).map((name) => name.replace(/\.ts$/, ""));
  const kinds: Readonly<Record<string, readonly string[]>> = {
    "an encoding": encodingKinds,
    "an optimizer": optimizerKinds,
    "a tower": towerKinds.filter((kind) => !learnsByEvent(kind)),
    "a model that learns event by event": towerKinds.filter(learnsByEvent),
    "a kernel module": subfolders("src/kernels/assembly"),
    "a command": Object.keys(commands),
    "a benchmark": modules("bench").filter((name) => existsSync(join(home, `bench/${name}.ts`))),
  };
  const [, table] = readFileSync(join(home, "CONTRIBUTING.md"), "utf8").split("## Adding one thing");
  const rows = [...table.matchAll(/^\| (an? [^|]*?) \|([^|]*)\|([^|]*)\|$/gm)].map((match) => match.slice(1, 4));
  /** A path in a cell, and whether every kind has it. */
  const paths = (cell: string) =>
    [...cell.matchAll(/`([\w./<>-]+)`( \([^)]*\bwhere )?/g)].map(([, path, where]) => ({ path, all: !where }));
  /** A kind's file: its name has a hyphen where the kind has an underscore, or has that as well. */
  const fileOf = (path: string, kind: string) =>
    [kind, kind.replaceAll("_", "-")]
      .map((name) => path.replaceAll("<kind>", name))
      .find((at) => existsSync(join(home, at)));

  it.each(rows)("%s", (what, write, lines) => {
    const some = kinds[what] ?? [];
    for (const { path, all } of paths(write)) {
      const missing = some.filter((kind) => !fileOf(path, kind));
      if (all) expect(missing, path).toEqual([]);
      else expect(missing.length, path).toBeLessThan(some.length);
    }
    const whole = some.filter((kind) => paths(write).every(({ path }) => fileOf(path, kind)));
    for (const { path } of paths(lines)) {
      const text = readFileSync(join(home, path), "utf8");
      const unnamed = whole.filter((kind) => !new RegExp(kind.replaceAll("_", "[_-]?"), "i").test(text));
      expect(unnamed, path).toEqual([]);
    }
  });

  it("and the table has all that have a registry", () => {
    expect(Object.keys(kinds).filter((what) => !rows.some(([name]) => name === what))).toEqual([]);
  });
});

/** Without what is installed in it, which may be changing. */
function markdownIn(path: string): string[] {
  if (path.endsWith(".md")) return [path];
  if (path.endsWith("node_modules") || !statSync(join(home, path)).isDirectory()) return [];
  return readdirSync(join(home, path)).flatMap((name) => markdownIn(join(path, name)));
}

/** Whether a relative link leads to a file, and to a heading of it where it names one. */
function leadsSomewhere(file: string, link: string): boolean {
  const [path, anchor] = link.split("#");
  const target = path === "" ? join(home, file) : resolve(home, dirname(file), path);
  if (!existsSync(target)) return false;
  return anchor === undefined || headings(readFileSync(target, "utf8")).includes(anchor);
}

/** The anchors that GitHub gives a document's headings. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function isAllowed(file: string, target: string): boolean {
  const from = folderOf(file);
  const to = folderOf(target);
  if (from === "index.ts" || from === to || SHARED.has(target)) return true;
  if (ALLOWED[`${from} → ${to}`] || ALLOWED_DOORS[from]?.test(target)) return true;
  return layerOf(to) < layerOf(from);
}

/** Groups of files that load each other in a circle. */
function circles(all: readonly { readonly file: string; readonly loads: readonly string[] }[]): string[][] {
  const loaded = new Map(
    all.map(({ file, loads }) => [
      file,
      loads
        .filter((name) => name.startsWith("."))
        .map((name) => relative(root, resolve(root, dirname(file), name)).replace(/(\.js)?$/, ".ts")),
    ]),
  );
  const from = (start: string): Set<string> => {
    const seen = new Set<string>();
    for (const next = [...(loaded.get(start) ?? [])]; next.length > 0; ) {
      const file = next.pop()!;
      if (!seen.has(file)) next.push(...(loaded.get(seen.add(file) && file) ?? []));
    }
    return seen;
  };
  const reached = new Map([...loaded.keys()].map((file) => [file, from(file)]));
  const around = [...loaded.keys()].filter((file) => reached.get(file)!.has(file)).sort();
  const groups = around.map((file) =>
    around.filter((other) => reached.get(file)!.has(other) && reached.get(other)!.has(file)),
  );
  return groups.filter(([first], i) => around[i] === first);
}

/** All files `start` imports, directly or not; types too, unless asked for what it `loads`. */
function reach(start: string, by: "imports" | "loads" = "imports", seen = new Set<string>()): string[] {
  if (seen.has(start)) return [];
  seen.add(start);
  const found = files.find(({ file }) => file === start)!;
  for (const name of found[by].filter((name) => name.startsWith("."))) {
    reach(relative(root, resolve(root, dirname(start), name)).replace(/\.js$/, ".ts"), by, seen);
  }
  return [...seen];
}
