// Converts tab-separated events without a header to Vowpal Wabbit's text: "1 |C1 68fd1e64 |C2 80e26c9b". Every feature has a
// separate namespace, named after it. Streams: memory does not grow with the file.
//
//   node to-vw.mjs --preset criteo|globo|globo-linear [--in EVENTS.tsv] [--out EVENTS.vw] [--limit N]
//   node to-vw.mjs --columns label,user,item,age --features "user; item; item * age/60" [--label label] [--positive 1] ...
//
// A feature is a column, or columns joined by *: a cross, written as one feature. A number may be bucketed:
//   C/60          floor(C / 60)
//   log2 C        floor(log2(C + 2))
//   buckets C     Hashbrook's log1p-bucket: 0 to 8 separately, then four buckets per doubling; all negative values in one
// An empty value becomes the feature "missing", as it has a key in Hashbrook. Without --in and --out: standard input and output.
import { closeSync, openSync, readSync, writeSync } from "node:fs";

const GLOBO = "label id ts_ms user session article age_min environment device os country region referrer hour".split(
  " ",
);
const CONTEXT = "environment device os country region referrer hour".split(" ");
const COUNTS = Array.from({ length: 13 }, (_, i) => `I${i + 1}`);
const IDS = Array.from({ length: 26 }, (_, i) => `C${i + 1}`);
const LINEAR = ["user", "article", "log2 age_min", ...CONTEXT];
const PRESETS = {
  criteo: { columns: ["label", ...COUNTS, ...IDS], features: [...COUNTS.map((name) => `buckets ${name}`), ...IDS] },
  "globo-linear": { columns: GLOBO, features: LINEAR },
  globo: {
    columns: GLOBO,
    features: [...LINEAR, ...["log2 age_min", ...CONTEXT].map((name) => `article * ${name}`), "user * article"],
  },
};

/** One letter per feature, the shortest names that readers of this text accept. */
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const options = arguments_();
const MISSING = options.names === "short" ? "m" : "missing";
const write = writer(options.out);
const features = options.features.map((feature, i) =>
  compile(feature, options.columns, options.names === "short" && LETTERS[i]),
);
const label = options.columns.indexOf(options.label);
if (label < 0) fail(`no column ${options.label}`);

let rows = 0;
for (const line of lines(options.in)) {
  if (rows === options.limit) break;
  const values = line.split("\t");
  if (values.length !== options.columns.length)
    fail(`row ${rows + 1}: ${values.length} columns, not ${options.columns.length}`);
  let text = values[label] === options.positive ? "1" : "-1";
  for (const feature of features) text += feature(values);
  write(`${text}\n`);
  rows++;
}
write(null);

/** A function from a row's values to the feature's text, preceded by a space; "" if a value is missing. */
function compile(feature, columns, letter) {
  const parts = feature.split("*").map((part) => compilePart(part.trim(), columns));
  const start = ` |${letter || parts.map((part) => part.name).join("_x_")} `;
  if (parts.length === 1) {
    const { value } = parts[0];
    return (values) => start + value(values);
  }
  return (values) => {
    let text = start;
    for (let i = 0; i < parts.length; i++) text += (i === 0 ? "" : "_") + parts[i].value(values);
    return text;
  };
}

function compilePart(part, columns) {
  const [, kind = "", column, width] =
    /^(?:(log2|buckets) )?([^/ ]+)(?:\/(\d+))?$/.exec(part) ?? fail(`unreadable feature "${part}"`);
  const at = columns.indexOf(column);
  if (at < 0) fail(`no column ${column}`);
  // A namespace must differ from others of its column, such as age_min in buckets of 10 and of 60.
  const name = `${kind}${column}${width ?? ""}`;
  if (kind === "log2") return { name, value: number(at, (x) => Math.floor(Math.log2(Math.max(x, -1) + 2))) };
  if (kind === "buckets") return { name, value: number(at, logBucket) };
  if (width) return { name, value: number(at, (x) => Math.floor(x / Number(width))) };
  return { name, value: (values) => clean(values[at]) };
}

/** Buckets of a number. */
function number(at, bucket) {
  return (values) => {
    const x = values[at] === "" ? Number.NaN : Number(values[at]);
    return Number.isNaN(x) ? MISSING : (options.names === "short" ? "" : "b") + bucket(x);
  };
}

function logBucket(x) {
  if (x < 0) return -1;
  if (x < 9) return Math.floor(x);
  const doubling = Math.floor(Math.log2(x));
  return 8 + (doubling - 3) * 4 + Math.floor((x / 2 ** doubling - 1) * 4);
}

/** Blanks, colons and bars are special in Vowpal Wabbit's text. */
function clean(text) {
  if (text === "") return MISSING;
  return /[ :|]/.test(text) ? text.replace(/[ :|]/g, "_") : text;
}

/** A file's lines, read block by block; bytes are unchanged. */
function* lines(path) {
  const file = path === undefined ? 0 : openSync(path, "r");
  const block = Buffer.alloc(1 << 20);
  let rest = "";
  for (;;) {
    const size = readBlock(file, block);
    if (size === 0) break;
    const parts = (rest + block.latin1Slice(0, size)).split("\n");
    rest = parts.pop();
    for (const line of parts) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  if (rest !== "") yield rest;
  if (file !== 0) closeSync(file);
}

/** An empty pipe is not at its end. */
function readBlock(file, block) {
  for (;;) {
    try {
      return readSync(file, block, 0, block.length, null);
    } catch (error) {
      if (error.code === "EOF") return 0;
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Collects text and writes it in blocks; null ends it. */
function writer(path) {
  const file = path === undefined ? 1 : openSync(path, "w");
  let text = "";
  return (more) => {
    if (more !== null) text += more;
    if (more !== null && text.length < 1 << 20) return;
    const bytes = Buffer.from(text, "latin1");
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    text = "";
    if (more === null && file !== 1) closeSync(file);
  };
}

function arguments_() {
  const given = { label: "label", positive: "1", limit: "Infinity", names: "full" };
  const known = ["preset", "in", "out", "limit", "columns", "features", "label", "positive", "names"];
  for (let i = 2; i < process.argv.length; i += 2) {
    const name = process.argv[i].replace(/^--/, "");
    if (!known.includes(name) || process.argv[i + 1] === undefined) {
      fail(
        "usage: to-vw.mjs --preset criteo|globo|globo-linear | --columns A,B --features 'A; A * B' [--in F] [--out F] [--limit N] [--label C] [--positive V] [--names short]",
      );
    }
    given[name] = process.argv[i + 1];
  }
  const preset = PRESETS[given.preset] ?? (given.preset === undefined ? {} : fail(`unknown preset ${given.preset}`));
  const columns = given.columns?.split(",") ?? preset.columns ?? fail("--columns is required");
  const features =
    given.features
      ?.split(";")
      .map((text) => text.trim())
      .filter(Boolean) ??
    preset.features ??
    fail("--features is required");
  return { ...given, columns, features, limit: Number(given.limit) };
}

function fail(message) {
  console.error(`to-vw: ${message}`);
  process.exit(2);
}
