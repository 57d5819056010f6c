import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeFileAtomically } from "../../src/core/atomic-file.js";
import { HashbrookError } from "../../src/core/errors.js";
import {
  errorCode,
  type Files,
  nodeFiles,
  outputError,
  readFully,
  readWhole,
  withFile,
  writeError,
  writeFully,
} from "../../src/core/files.js";
import { temporaryDirectory } from "../checkpoints/samples.js";

function caught(step: () => unknown): unknown {
  try {
    return step();
  } catch (error) {
    return error;
  }
}

it("reads and writes more than 2 GiB in pieces that Node takes: ERR_FS_FILE_TOO_LARGE", () => {
  const sizes: number[] = [];
  const taken = (_: number, { byteLength }: Uint8Array) => {
    if (byteLength > 2 ** 31 - 1) throw new RangeError(`length ${byteLength}`);
    return sizes.push(byteLength) && byteLength;
  };
  const bytes = 2 ** 31 + 5;
  const stat = () => ({ bytes, directory: false });
  const huge: Files = { ...nodeFiles, stat, open: () => 1, close: () => {}, read: taken, write: taken };
  const whole = readWhole(huge, "a");
  expect(whole.byteLength).toBe(bytes);
  expect(writeFully(huge, 1, whole, 0)).toBe(bytes);
  expect(sizes).toEqual([2 ** 30, 2 ** 30, 5, 2 ** 30, 2 ** 30, 5]);
});

it("the error for an output in a folder that does not exist says so: ENOENT without a hint", () => {
  const path = join(temporaryDirectory(), "none", "a");
  for (const error of [outputError, writeError])
    expect(
      error(
        path,
        caught(() => nodeFiles.open(path, "wx")),
      ).hint,
    ).toContain("folder does not exist");
});

it("the error for a folder whose name a file has comes with a hint", () => {
  const path = join(temporaryDirectory(), "a");
  writeFileSync(path, "");
  expect(
    writeError(
      path,
      caught(() => nodeFiles.mkdir(path)),
    ).hint,
  ).toContain("has this name");
});

describe("nodeFiles", () => {
  it("writes and reads at positions, and truncates", () => {
    const path = join(temporaryDirectory(), "a");
    withFile(nodeFiles, path, "w", (file) => {
      writeFully(nodeFiles, file, Buffer.from("hello"), 3);
      nodeFiles.truncate(file, 6);
    });
    expect(readFileSync(path, "latin1")).toBe("\0\0\0hel");
    const target = new Uint8Array(8);
    expect(withFile(nodeFiles, path, "r", (file) => readFully(nodeFiles, file, target, 4))).toBe(2);
    expect([...target.subarray(0, 3)]).toEqual([0x65, 0x6c, 0]);
  });

  it("reports existing files", () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "b"), "1234");
    mkdirSync(join(directory, "a"));
    expect(nodeFiles.list(directory)).toEqual(["a", "b"]);
    expect(nodeFiles.list(join(directory, "none"))).toEqual([]);
    expect(() => nodeFiles.list(join(directory, "b"))).toThrow("ENOTDIR");
    expect(nodeFiles.stat(join(directory, "b"))).toEqual({ bytes: 4, directory: false });
    expect(nodeFiles.stat(join(directory, "a"))?.directory).toBe(true);
    expect(nodeFiles.stat(join(directory, "none"))).toBeUndefined();
  });

  it("creates directories with their parents, removes them with their content, both idempotently", () => {
    const directory = temporaryDirectory();
    for (let i = 0; i < 2; i++) nodeFiles.mkdir(join(directory, "x", "y", "z"));
    writeFileSync(join(directory, "x", "y", "f"), "");
    for (let i = 0; i < 2; i++) nodeFiles.remove(join(directory, "x"));
    expect(readdirSync(directory)).toEqual([]);
  });

  it.runIf(existsSync("/proc/self"))(
    "gives up on a directory that the system refuses, instead of retrying forever",
    () => {
      expect(() => nodeFiles.mkdir("/proc/hashbrook/a")).toThrow("ENOENT");
    },
  );

  it('creates with "wx" only what does not exist', () => {
    const path = join(temporaryDirectory(), "a");
    nodeFiles.close(nodeFiles.open(path, "wx"));
    let code: string | undefined;
    try {
      nodeFiles.open(path, "wx");
    } catch (error) {
      code = errorCode(error);
    }
    expect(code).toBe("EEXIST");
  });
});

describe("writeFully", () => {
  it("continues after short writes, and fails when nothing is written", () => {
    const out: number[] = [];
    const files: Files = {
      ...nodeFiles,
      write: (_, data, position) => {
        if (position >= 5) return 0;
        out.push(...data.subarray(0, 2));
        return 2;
      },
    };
    expect(writeFully(files, 0, Uint8Array.of(1, 2, 3, 4), 0)).toBe(4);
    expect(out).toEqual([1, 2, 3, 4]);
    expect(() => writeFully(files, 0, new Uint8Array(9), 0)).toThrow("short write: 6 of 9 bytes");
  });
});

describe("withFile", () => {
  it("closes the file and reports the first failure", () => {
    const closed: number[] = [];
    const files: Files = {
      ...nodeFiles,
      open: () => 7,
      close: (file) => {
        closed.push(file);
        throw new Error("close");
      },
    };
    const use = () => {
      throw new Error("use");
    };
    expect(() => withFile(files, "a", "r", use)).toThrow("use");
    expect(() => withFile(files, "a", "r", () => 1)).toThrow("close");
    expect(closed).toEqual([7, 7]);
  });
});

describe("writeFileAtomically", () => {
  it("replaces a file and leaves nothing else", () => {
    const directory = temporaryDirectory();
    const path = join(directory, "a");
    for (const text of ["old", "new"]) writeFileAtomically(nodeFiles, path, Buffer.from(text));
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(readdirSync(directory)).toEqual(["a"]);
  });
});

describe("writeError", () => {
  it("passes on HashbrookErrors, and reports the system's reason for others", () => {
    const ours = new HashbrookError("checkpoint_locked", "x");
    expect(writeError("a", ours)).toBe(ours);
    const full = writeError("out/a", Object.assign(new Error("no space"), { code: "ENOSPC" }));
    expect([full.code, full.message, full.hint]).toEqual([
      "checkpoint_write",
      "out/a: could not be written: no space",
      expect.stringContaining("--resume"),
    ]);
    expect(writeError("a", "odd").hint).toBeUndefined();
  });
});
