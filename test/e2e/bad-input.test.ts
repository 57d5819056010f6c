import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { LR } from "../small-specs.js";
import { report, run, temporary } from "./hashbrook.js";

const folder = temporary();

const spec = (format: string) => `
name: bad-input
events: { format: ${format}${format === "json" ? "" : ", columns: [label, ts, user, price]"} }
label: { field: label, time: ts }
fields:
  - { name: user, type: categorical, table: ids }
  - { name: price, type: numeric }
tables: { ids: { dim: 4 } }
tower: { deep_crossing: { residual: [8] } }
train: { batch: 4 }
`;

function trainOn(format: string, rows: readonly (string | Uint8Array)[], ...flags: string[]) {
  const dir = temporary();
  const model = join(dir, "spec.yaml");
  writeFileSync(model, spec(format));
  const data = join(dir, `rows.${format}`);
  writeFileSync(data, Buffer.concat(rows.flatMap((row) => [Buffer.from(row as string), Buffer.from("\n")])));
  const out = join(dir, "run");
  return { out, args: ["train", "--model", model, "--data", data, "--out", out, ...flags] };
}

function rejects(out: string) {
  const lines = readFileSync(join(out, "rejected/rejected.jsonl"), "utf8").trim().split("\n");
  return lines.map(
    (line) => JSON.parse(line) as { code: string; row: number; column: string; offset: number; raw?: string },
  );
}

describe("what cannot be opened is noticed before anything is written or loaded", () => {
  const DEMO = "features/ads-demo.yaml";
  const dir = temporary();

  it.each([
    ["data", ["--model", DEMO, "--data", "nowhere.tsv"]],
    ["pattern of data", ["--model", DEMO, "--data", "nowhere-*.tsv"]],
    ["cache", ["--model", DEMO, "--data", "cache:nowhere"]],
    ["held-out data", ["--model", DEMO, "--data", "simulate:1000", "--validate", "nowhere.tsv"]],
    ["clicks", ["--model", "features/ads-demo-join.yaml", "--data", DEMO, "--clicks", "nowhere.jsonl"]],
    ["data of several models", ["--model", DEMO, "--model", "features/ads-demo-lr.yaml", "--data", "nowhere.tsv"]],
  ])("a run whose %s cannot be found leaves no directory", async (_, flags) => {
    const out = join(dir, "run");
    const { status, stderr } = await run(["train", ...flags, "--out", out]);
    expect([status, stderr]).toEqual([3, expect.stringContaining("nowhere")]);
    expect(existsSync(out)).toBe(false);
  });

  it("serve names a log that cannot be written although it has no model yet", async () => {
    const { status, stderr } = await run(["serve", "--checkpoint", dir, "--log", join(DEMO, "log")]);
    expect([status, stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining(`${DEMO}/log: could not be written`),
    ]);
  });
});

it("cache claims no share of data without any event: it printed 13737 %", async () => {
  const data = join(folder, "header.tsv");
  writeFileSync(data, "label\tts\tuser\tprice\n");
  const model = join(folder, "header.yaml");
  writeFileSync(model, spec("tsv").replace(/columns: .*]/, "header: true"));
  const { stdout } = await run(["cache", "--model", model, "--data", data, "--out", join(folder, "cache")]);
  expect(stdout).toMatch(/: 0 events in [\d.]+ KiB\n/);
});

describe("a malformed row is rejected with a code, kept, and training continues", async () => {
  const good = ["1\t1000\tu1\t2.5", "0\t1001\tu2\t", "0\t1002\t\t-3e2"];
  const bad: [string, string | Uint8Array, string][] = [
    ["a wrong column count", "1\t1000\tu1", "column_count"],
    ["a bad label", "maybe\t1000\tu1\t2", "bad_label"],
    ["bad UTF-8", Buffer.from([0x31, 9, 0x31, 9, 0xff, 0xfe, 9, 0x31]), "bad_utf8"],
    ["NaN", "1\t1000\tu1\tNaN", "number_out_of_range"],
    ["infinity", "1\t1000\tu1\tInfinity", "number_out_of_range"],
    ["1e999", "1\t1000\tu1\t1e999", "number_out_of_range"],
    ["text for a number", "1\t1000\tu1\tcheap", "bad_number"],
    ["a 1 MB value", `1\t1000\t${"x".repeat(1 << 20)}\t1`, "value_too_long"],
    ["a missing time", "1\t\tu1\t1", "missing_time"],
    ["a bad time", "1\tyesterday\tu1\t1", "bad_time"],
  ];

  it.each(bad)("%s", async (_, row, code) => {
    const { out, args } = trainOn("tsv", [good[0], row, good[1], good[2]]);
    expect(await report(args)).toMatchObject({ examples: 3, rejected: 1, rejected_by_code: { [code]: 1 } });
    expect(rejects(out)).toMatchObject([{ code, row: 2, offset: good[0].length + 1 }]);
  });

  it.each([
    ["broken JSON", '{"label": 1, "ts": 5, "user": "u1"', "bad_json"],
    ["a trailing comma", '{"label": 1, "ts": 5,}', "bad_json"],
    ["a string for a number", '{"label": 1, "ts": 5, "price": "3"}', "bad_type"],
    ["an object for an id", '{"label": 1, "ts": 5, "user": {"id": 3}}', "bad_type"],
    ["an infinite number", '{"label": 1, "ts": 5, "price": 1e999}', "number_out_of_range"],
    ["no label", '{"ts": 5, "user": "u1"}', "bad_label"],
    ["no time", '{"label": 1, "user": "u1"}', "missing_time"],
  ])("JSON: %s", async (_, row, code) => {
    const fine = '{"label": 1, "ts": 5, "user": "u1", "price": 3, "other": [1, {"x": "}"}]}';
    const { out, args } = trainOn("json", [fine, row, fine]);
    expect(await report(args)).toMatchObject({ examples: 2, rejected: 1, rejected_by_code: { [code]: 1 } });
    expect(rejects(out)).toMatchObject([{ code, row: 2, raw: row }]);
  });

  it("--max-rejects stops the run and names the first row over the limit", async () => {
    const { args } = trainOn("tsv", [...good, "1\t1000", "1\t1000", "1", "0\t1\tu\t1"], "--max-rejects", "1");
    const { status, stderr } = await run(args);
    expect([status, stderr]).toEqual([
      4,
      expect.stringMatching(/rows\.tsv:5.*column_count.*; 3 rows were rejected, --max-rejects is 1/),
    ]);
  });

  it("the samples of a resumed run are those of the whole run: they were of its last life only", async () => {
    const rows = ["1\t1000", ...good, "maybe\t1000\tu1\t2", ...good, "1\t1000", "1\t1000\tu1\tNaN", ...good];
    const whole = await report(trainOn("tsv", rows).args);
    const { args } = trainOn("tsv", rows);
    await report([...args, "--limit", "5"]);
    const resumed = await report([...args, "--resume"]);
    expect(resumed.examples_this_run).toBe(whole.examples - 5);
    const places = ({ rejected_samples }: typeof whole) =>
      Object.entries(rejected_samples).map(([code, { row, value }]) => [code, row, value]);
    expect(places(resumed)).toEqual(places(whole));
    expect(places(whole)).toEqual([
      ["bad_label", 5, "maybe"],
      ["column_count", 1, "2 columns"],
      ["number_out_of_range", 10, "NaN"],
    ]);
  });

  it("only malformed rows are an error: no checkpoint, and all rows kept", async () => {
    const { out, args } = trainOn(
      "tsv",
      Array.from({ length: 500 }, (_, i) => `rubbish ${i}`),
    );
    const { status, stdout, stderr } = await run([...args, "--json"]);
    expect(status).toBe(4);
    expect(stderr).toMatch(/all 500 events were rejected.*rows\.tsv:1: column_count: 1 column, expected 4 columns/);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "all_rejected" } });
    expect(rejects(out)).toHaveLength(500);
    expect(readdirSync(out)).toEqual(["rejected"]);
  });
});

/** Runs Node with three gigabytes of addresses. */
const limited = (args: readonly string[]) =>
  spawnSync("sh", ["-c", 'ulimit -v 3000000 && exec "$0" "$@"', process.execPath, ...args], { encoding: "utf8" });

describe("errors at startup", () => {
  const cases: [string, string[], number, RegExp][] = [
    ["a missing spec", ["train", "--model", "none.yaml", "--data", "x", "--out", join(folder, "a")], 3, /none\.yaml/],
    [
      "a missing file",
      ["train", "--model", "features/ads-demo.yaml", "--data", "none.tsv", "--out", join(folder, "b")],
      3,
      /none\.tsv/,
    ],
    [
      "a pattern without a match",
      ["train", "--model", "features/ads-demo.yaml", "--data", "none-*.tsv", "--out", join(folder, "c")],
      3,
      /none-\*\.tsv/,
    ],
    ["no checkpoint", ["eval", "--checkpoint", join(folder, "none"), "--data", "x"], 5, /none/],
    ["a missing flag", ["train", "--model", "features/ads-demo.yaml"], 2, /--out/],
    ["no source", ["train", "--model", "features/ads-demo.yaml", "--out", join(folder, "none")], 2, /--data/],
    [
      "a limit that is no number",
      ["train", "--model", "m", "--data", "d", "--out", "o", "--limit", "many"],
      2,
      /whole number/,
    ],
  ];

  it.each(cases)("%s: an error, and nothing is written", async (_, args, status, message) => {
    const outcome = await run(args);
    expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringMatching(message)]);
    const out = args[args.indexOf("--out") + 1];
    expect(existsSync(out) ? readdirSync(out).filter((name) => name.startsWith("checkpoint")) : []).toEqual([]);
  });

  it("a spec's errors name file, line and field, also as JSON with --json", async () => {
    const model = join(folder, "wrong.yaml");
    writeFileSync(model, spec("tsv").replace("table: ids", "table: idz"));
    const { status, stdout, stderr } = await run([
      "train",
      "--model",
      model,
      "--data",
      "x",
      "--out",
      join(folder, "d"),
      "--json",
    ]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/wrong\.yaml:6:\d+: .*idz/);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "spec_invalid" } });
  });

  it("invalid flags are reported as JSON with --json", async () => {
    const { status, stdout } = await run([
      "train",
      "--model",
      "m",
      "--data",
      "d",
      "--out",
      "o",
      "--limit",
      "-1",
      "--json",
    ]);
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "usage", message: expect.stringContaining("--limit") } });
  });

  it.each([
    ["--until end", "--kafka"],
    ["--schema-registry http://registry", "--kafka"],
    ["--clicks-quiet-ms 5", "--clicks-topic"],
    ["--publish-ms 50", "--publish or --serve"],
    ["--token-file tokens", "--serve"],
    ["--host 0.0.0.0", "--serve or --metrics-port"],
  ])("%s without %s was ignored, and training went on without it", async (flag, needed) => {
    const { args } = trainOn("tsv", ["1\t1\tu\t1", "0\t1\tu\t1"]);
    const { status, stderr } = await run([...args, ...flag.split(" ")]);
    expect(stderr).toContain(`${flag.split(" ")[0]}: has no effect without ${needed}`);
    expect(status).toBe(2);
  });

  it("a flag that is refused ends the command beside --metrics-port, too: the server that listened kept it running", () => {
    const { args } = trainOn("tsv", ["1\t1\tu\t1"]);
    const line = [...args, "--metrics-port", "0", "--dead-letter-topic", "letters"];
    const { status, stderr } = spawnSync(process.execPath, ["dist/cli/main.js", ...line], {
      encoding: "utf8",
      timeout: 60_000,
      killSignal: "SIGKILL",
    });
    expect(stderr).toContain("--dead-letter-topic requires --kafka");
    expect(status).toBe(2);
  });

  it("data without any event are warned of: an empty pipe made a model, and no word", async () => {
    const { args } = trainOn("tsv", []);
    const { status, stderr } = await run(args);
    expect(stderr).toContain("warning: no event was read: the data are empty");
    expect(status).toBe(0);
    const limited = await run([...trainOn("tsv", ["1\t1\tu\t1"]).args, "--limit", "0"]);
    expect([limited.status, limited.stderr]).toEqual([0, ""]);
  });

  // Newer versions of Node make do with less.
  it.runIf(
    process.platform === "linux" && limited(["-e", "new WebAssembly.Memory({ initial: 16, maximum: 65536 })"]).status,
  )("a limit of the address space is named: the stack of a RangeError was shown", () => {
    const args = ["train", "--json", "--model", "m", "--data", "d", "--out", "o"];
    const { status, stdout } = limited(["dist/cli/main.js", ...args]);
    const { error } = JSON.parse(stdout);
    expect(error).toMatchObject({
      code: "runtime_unavailable",
      hint: expect.stringContaining("ulimit -v unlimited"),
    });
    expect(status).toBe(7);
  });

  it.each([
    ["--jitless", "without --jitless"],
    ["--import=./test/e2e/no-simd.mjs", "SSE4.1"],
  ])(
    "a Node whose WebAssembly is missing or lacks SIMD is named (%s), not a limit of the address space",
    (flag, hint) => {
      const args = ["dist/cli/main.js", "train", "--json", "--model", LR, "--data", "simulate:10", "--out", "o"];
      const env = { ...process.env, NODE_OPTIONS: flag };
      const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8", env });
      expect(JSON.parse(stdout).error).toMatchObject({
        code: "runtime_unavailable",
        hint: expect.stringContaining(hint),
      });
      expect(status).toBe(7);
    },
  );

  it("a directory that already contains a model is refused without --resume, and left unchanged", async () => {
    const { out, args } = trainOn("tsv", ["1\t1\tu\t1", "0\t1\tu\t1"]);
    await report(args);
    expect(await run(args)).toMatchObject({ status: 5, stderr: expect.stringContaining("--resume") });
    expect(await report([...args, "--resume"])).toMatchObject({ examples: 2, examples_this_run: 0 });
    expect(existsSync(out)).toBe(true);
  });

  it("a checkpoint named as --out is refused: train --resume began a new run inside of it", async () => {
    const { out, args } = trainOn("tsv", ["1\t1\tu\t1", "0\t1\tu\t1"]);
    const { checkpoint } = await report(args);
    const before = readdirSync(checkpoint);
    const { status, stderr } = await run([...args.map((arg) => (arg === out ? checkpoint : arg)), "--resume"]);
    expect([status, stderr]).toEqual([5, expect.stringContaining(`name the run's directory, ${out}`)]);
    expect(readdirSync(checkpoint)).toEqual(before);
  });

  it("a checkpoint of another spec is refused", async () => {
    const { args } = trainOn("tsv", ["1\t1\tu\t1"]);
    await report(args);
    writeFileSync(args[2], spec("tsv").replace("dim: 4", "dim: 8"));
    expect(await run([...args, "--resume"])).toMatchObject({ status: 5, stderr: expect.stringContaining("spec") });
  });

  it("changed content of a partly learned file is refused by --resume", async () => {
    const { args } = trainOn("tsv", ["1\t1\tu\t1", "1\t1\tu\t1"]);
    await report([...args, "--limit", "1"]);
    writeFileSync(args[4], "0\t1\tv\t1\n0\t1\tv\t1\n");
    expect(await run([...args, "--resume"])).toMatchObject({ status: 3, stderr: expect.stringContaining("changed") });
  });

  it("an output that cannot be written is an error", async () => {
    const file = join(folder, "a-file");
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, "");
    const outcome = await run([
      "train",
      "--model",
      "features/ads-demo.yaml",
      "--data",
      "simulate:100",
      "--out",
      join(file, "run"),
    ]);
    expect([outcome.status, outcome.stderr]).toEqual([6, expect.stringContaining("a-file")]);
  });

  it("simulated events that cannot be written are an error, however few", async () => {
    const path = join(folder, "none", "events.tsv");
    const outcome = await run(["simulate", "--rows", "10", "--seed", "1", "--out", path]);
    expect([outcome.status, outcome.stderr]).toEqual([
      3,
      expect.stringMatching(/events.tsv: cannot be written: ENOENT/),
    ]);
  });

  it("predictions that cannot be written are an error", async () => {
    const { out, args } = trainOn("tsv", ["1\t1\tu\t1", "0\t2\tv\t1"]);
    await report(args);
    const outcome = await run([
      "predict",
      "--checkpoint",
      out,
      "--data",
      args[4],
      "--out",
      join(folder, "none", "scores"),
    ]);
    expect([outcome.status, outcome.stderr]).toEqual([3, expect.stringMatching(/scores: cannot be written: ENOENT/)]);
  });
});

it("numbers at the limits of their range leave the model finite", async () => {
  const rows = Array.from({ length: 64 }, (_, i) => `${i % 2}\t1\tu${i % 5}\t${i % 3 === 0 ? 1e18 : -1e18}`);
  const { args } = trainOn("tsv", rows);
  const { logloss, skipped, examples } = await report(args);
  expect(examples).toBe(64);
  expect(Number.isFinite(logloss) || skipped === 64).toBe(true);
  const { stdout, status } = await run(["predict", "--checkpoint", args[6], "--data", args[4], "--out", "-"]);
  expect(status).toBe(0);
  for (const line of stdout.trim().split("\n")) expect(Number(line)).toBeGreaterThan(0);
});

it("a limit of open files (ulimit -n) ends a command with a hint, not with an internal error", () => {
  const outcomes = [20, 22, 24, 26, 28].map((limit) => {
    const out = join(temporary(), "run");
    const args = ["train", "--model", "features/ads-demo-lr.yaml", "--data", "simulate:100:7", "--out", out];
    const command = `ulimit -n ${limit} && exec "$0" dist/cli/main.js "$@"`;
    return spawnSync("sh", ["-c", command, process.execPath, ...args], { encoding: "utf8" });
  });
  // How many files are open at once depends on the machine and on Node: with the largest limits it may succeed, with the smallest
  // ones Node may not come to the program.
  const failed = outcomes.filter(({ status, stderr }) => status !== 0 && stderr.startsWith("hashbrook:"));
  expect(failed.length).toBeGreaterThan(0);
  for (const { status, stderr } of failed) {
    expect(stderr).toMatch(/(EMFILE|too many open files).*\n {2}.*ulimit -n/);
    expect(status).toBe(7);
  }
});

it("a command started in a folder that was removed ended with an internal error and a stack", () => {
  const folder = temporary();
  const args = ["train", "--model", resolve(LR), "--data", "simulate:100:7", "--out", join(temporary(), "run")];
  const command = 'cd "$1" && rmdir "$1" && shift && exec "$@"';
  const program = [process.execPath, resolve("dist/cli/main.js"), ...args];
  const { stderr, status } = spawnSync("sh", ["-c", command, "sh", folder, ...program], { encoding: "utf8" });
  expect(stderr).toMatch(/^hashbrook: the current folder: ENOENT.*\n {2}it has been removed: change to .*\n$/);
  expect(status).toBe(3);
});
