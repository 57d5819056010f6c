import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSource } from "../../src/sources/source.js";
import { sampleLines, temporaryFolder, zstdCompress } from "./samples.js";
import { readRest, sourceContract } from "./source.contract.js";

const folder = temporaryFolder();
const built = new URL("../../dist/sources/source.js", import.meta.url);
const START = { file: 0, offset: 0, row: 0 };
const contents = [sampleLines(300_000, 1), Buffer.alloc(0), sampleLines(70_000, 2)];
const put = (name: string, bytes: Uint8Array | string) => {
  writeFileSync(join(folder, name), bytes);
  return name;
};
const names = (extension: string, pack: (bytes: Uint8Array) => Uint8Array) =>
  contents.map((bytes, i) => put(`part-${i}.tsv${extension}`, pack(bytes)));
const open = (...specs: string[]) => openSource(specs, { folder });

sourceContract("plain files", () => {
  const files = names("", (bytes) => bytes);
  return { make: () => open(...files), contents };
});

sourceContract("gzip, one member and several", () => {
  const members = (bytes: Uint8Array) =>
    Buffer.concat([gzipSync(bytes.subarray(0, 1000)), gzipSync(bytes.subarray(1000))]);
  const files = names(".gz", (bytes) => (bytes.length > 100_000 ? members(bytes) : gzipSync(bytes)));
  return { make: () => open(...files), contents };
});

sourceContract("a plain and a compressed file", () => {
  const files = [put("first.tsv", contents[0]), put("second.tsv.gz", gzipSync(contents[2]))];
  return { make: () => open(...files), contents: [contents[0], contents[2]] };
});

sourceContract("the simulator", async () => {
  const make = () => open("simulate:600:9", "simulate:50:9:json");
  const source = make();
  await source.open(START);
  return { make, contents: await readRest(source, 1 << 16) };
});

describe("pipes", () => {
  const writers: ChildProcess[] = [];
  afterAll(() => {
    for (const writer of writers) writer.kill();
  });

  sourceContract("a named pipe", () => {
    const make = () => {
      const folder = join(pipes, String(writers.length));
      mkdirSync(folder, { recursive: true });
      spawnSync("mkfifo", [join(folder, "events")]);
      writers.push(spawn("cp", [join(pipes, "content"), join(folder, "events")]));
      return openSource(["events"], { folder });
    };
    const pipes = join(folder, "pipes");
    mkdirSync(pipes);
    writeFileSync(join(pipes, "content"), contents[0]);
    return { make, contents: [contents[0]], onlyFromStart: "a pipe cannot be rewound" };
  });
});

if (zstdCompress) {
  const compress = zstdCompress;
  sourceContract("zstandard, one frame and several", () => {
    const frames = (bytes: Uint8Array) =>
      Buffer.concat([compress(bytes.subarray(0, 1000)), compress(bytes.subarray(1000))]);
    const files = names(".zst", (bytes) => (bytes.length > 100_000 ? frames(bytes) : compress(bytes)));
    return { make: () => open(...files), contents };
  });
} else {
  console.log(`skipped: zstandard contract (Node ${process.version} has no zstd)`);
  it("names the Node versions that can read .zst", async () => {
    const source = open(put("a.zst", "x"));
    await expect(source.open(START)).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining(`a.zst: Node ${process.versions.node} cannot read`),
      hint: expect.stringContaining("22.15"),
    });
  });
}

describe("standard input", () => {
  const script = `
    const { openSource } = await import(${JSON.stringify(built.href)});
    const source = openSource(["-"]);
    await source.open({ file: 0, offset: Number(process.env.OFFSET ?? 0), row: 0 });
    const target = new Uint8Array(65536);
    if (process.env.IMPATIENT) setTimeout(() => process.exit(3), 50);
    const content = createHash("sha256");
    for (let n; (n = await source.read(target)) > 0; ) content.update(target.subarray(0, n));
    console.log(content.digest("hex"), source.bytesRead, source.totalBytes, source.fingerprints.join());`;
  const main = `import { createHash } from "node:crypto"; ${script}`;
  const worker = `import { Worker } from "node:worker_threads";
    new Worker(\`(async () => { const { createHash } = require("node:crypto"); ${script} })()\`, { eval: true, execArgv: [] });`;
  const node = (code: string, stdin: "pipe" | number, input?: Uint8Array, env = {}) => {
    const options = {
      input,
      stdio: [stdin, "pipe", "pipe"] as ["pipe" | number, "pipe", "pipe"],
      env: { ...process.env, ...env },
    };
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
      ...options,
      maxBuffer: 1 << 24,
    });
    return { status, stdout: stdout.toString(), stderr: stderr.toString() };
  };
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  const expected = `${sha256(contents[0])} ${contents[0].length} null 0 ef46db3751d8e999 -\n`;

  beforeAll(() => {
    if (!existsSync(built)) throw new Error("dist/ is missing: npm run build");
  });

  it("reads a pipe", () => {
    expect(node(main, "pipe", contents[0])).toEqual({ status: 0, stdout: expected, stderr: "" });
  });

  it("reads a redirected file", () => {
    expect(node(main, openSync(join(folder, "part-0.tsv"), "r")).stdout).toBe(expected);
  });

  it("reads a pipe in a worker thread", () => {
    expect(node(worker, "pipe", contents[0])).toEqual({ status: 0, stdout: expected, stderr: "" });
  });

  it("reads an empty one", () => {
    expect(node(main, openSync("/dev/null", "r")).stdout).toMatch(`${sha256(Buffer.alloc(0))} 0 `);
  });

  it("does not keep a finished process alive", async () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", main], {
      stdio: ["pipe", "ignore", "inherit"],
      env: { ...process.env, IMPATIENT: "1" },
    });
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(3);
    child.stdin!.end();
  });

  it("refuses to resume in the middle", () => {
    const { status, stderr } = node(main, "pipe", contents[0], { OFFSET: "5" });
    expect(status).toBe(1);
    expect(stderr).toContain("source_unreadable");
    expect(stderr).toContain("a pipe cannot be read from byte 5");
  });
});

describe("a compressed file whose reader pauses", () => {
  it("stops decompressing, instead of filling memory", async () => {
    const source = open(put("large.gz", gzipSync(sampleLines(8_000_000, 3))));
    await source.open(START);
    await source.read(new Uint8Array(1000));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(source.bytesRead).toBeGreaterThan(0);
    expect(source.bytesRead).toBeLessThan(source.totalBytes! / 4);
    await source.close();
  });
});

describe("errors name the input and a fix", () => {
  const error = (specs: string[], options = {}) => {
    try {
      openSource(specs, { folder, ...options });
    } catch (thrown) {
      return thrown;
    }
  };

  it.each([
    [["missing.tsv"], "source_missing", "missing.tsv: no such file"],
    [["s3://bucket/day.tsv"], "source_missing", "s3://bucket/day.tsv: is a URL"],
    [["none-*.tsv"], "source_missing", "none-*.tsv: no file matches"],
    [["part-0.tsv/x"], "source_missing", "part-0.tsv/x: a part of the path is a file"],
    [["."], "source_unreadable", ".: is a folder"],
    [[], "usage", "no data given"],
    [["-", "-"], "usage", "-: a pipe can be read only once"],
    [["simulate:x"], "usage", "simulate:x: invalid simulated source"],
    [["simulate:10:1:csv"], "usage", "simulate:10:1:csv"],
    [["simulate:10:4294967296"], "usage", "invalid simulated source"],
  ])("%j: %s", (specs, code, message) => {
    expect(error(specs)).toMatchObject({
      code,
      message: expect.stringContaining(message),
      hint: expect.stringMatching(/./),
    });
  });

  it("a pipe for two epochs", () => {
    expect(error(["-"], { epochs: 2 })).toMatchObject({ code: "usage" });
  });

  it.skipIf(process.getuid?.() === 0)("a file without permission", async () => {
    chmodSync(join(folder, put("secret.tsv", "x")), 0);
    await expect(open("secret.tsv").open(START)).rejects.toMatchObject({
      code: "source_unreadable",
      message: "secret.tsv: permission denied",
    });
  });

  it("a file that is deleted between stat and open", async () => {
    const source = open(put("brief.tsv", "x"));
    rmSync(join(folder, "brief.tsv"));
    await expect(source.open(START)).rejects.toMatchObject({ code: "source_missing" });
  });

  const readAll = async (name: string) => {
    const source = open(name);
    const target = new Uint8Array(1 << 16);
    let bytes = 0;
    try {
      await source.open(START);
      for (let count = -1; count !== 0; bytes += count) count = await source.read(target);
    } catch (thrown) {
      return { thrown, bytes };
    }
    return { thrown: undefined, bytes };
  };
  const packed = gzipSync(contents[0]);

  it("a file that becomes shorter while it is read is an error, not an end", async () => {
    const source = open(put("shorter.tsv", "1\ta\n".repeat(1000)));
    await source.open(START);
    await source.read(new Uint8Array(100));
    truncateSync(join(folder, "shorter.tsv"), 50);
    await expect(source.read(new Uint8Array(100))).rejects.toMatchObject({
      code: "source_unreadable",
      message: "shorter.tsv: became shorter while it was read",
    });
    await source.close();
  });

  it("a truncated .gz, after its readable content", async () => {
    const { thrown, bytes } = await readAll(put("cut.tsv.gz", packed.subarray(0, packed.length >> 1)));
    expect(bytes).toBeGreaterThan(100_000);
    expect(thrown).toMatchObject({
      code: "source_unreadable",
      message: expect.stringMatching(
        new RegExp(
          `^cut.tsv.gz: the compressed file is truncated, after ${bytes} decompressed bytes, at or after byte ${packed.length >> 1} of`,
        ),
      ),
    });
  });

  it("a .gz that is damaged in the middle", async () => {
    const damaged = Buffer.from(packed);
    damaged.fill(0xff, packed.length >> 1, (packed.length >> 1) + 100);
    const { thrown, bytes } = await readAll(put("damaged.tsv.gz", damaged));
    expect(thrown).toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining("the compressed file is damaged"),
    });
    expect((thrown as Error).message).toContain(`after ${bytes} decompressed bytes`);
  });

  it("an invalid or truncated second .gz member", async () => {
    const good = gzipSync("good\n");
    const bad = await readAll(put("bad-member.gz", Buffer.concat([good, Buffer.alloc(50, 0x41)])));
    expect(bad.thrown).toMatchObject({ code: "source_unreadable" });
    const cut = await readAll(put("cut-member.gz", Buffer.concat([good, packed.subarray(0, 1000)])));
    expect(cut.thrown).toMatchObject({ code: "source_unreadable", message: expect.stringContaining("truncated") });
  });

  it("a file that is named .gz but is not compressed", async () => {
    await expect(open(put("fake.gz", "label\t1\n")).open(START)).rejects.toMatchObject({ code: "source_unreadable" });
  });
});
