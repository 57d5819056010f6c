import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RejectedWriter } from "../../src/checkpoints/rejected.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { block, content, errorOf } from "./samples.js";

/** A disk of 2 MiB, if this process may mount one. */
const disk = mountDisk();

function mountDisk(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "hashbrook-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", directory], { stdio: "pipe" });
    return directory;
  } catch (error) {
    console.log(`skipped: no small file system can be mounted here: ${(error as Error).message.split("\n").at(-2)}`);
    rmSync(directory, { recursive: true });
    return undefined;
  }
}

afterAll(() => {
  if (disk === undefined) return;
  execFileSync("umount", [disk]);
  rmSync(disk, { recursive: true });
});

const mebibytes = (step: number, size: number) => ({
  meta: { step },
  blocks: [block("table/ids/rows", "U8", [size * 2 ** 20], new Uint8Array(size * 2 ** 20).fill(step))],
});

describe.skipIf(disk === undefined)("a full disk", () => {
  it("fails the save without damage, and the run continues once there is space", () => {
    const store = new CheckpointStore(join(disk!, "run"));
    store.lock();
    store.save(1, mebibytes(1, 1));
    const error = errorOf(() => store.save(2, mebibytes(2, 1)));
    expect([error.code, error.hint]).toEqual(["checkpoint_write", expect.stringContaining("Free some space")]);
    expect(error.message).toContain("ENOSPC");
    expect(readdirSync(store.directory).filter((name) => !name.endsWith(".lock"))).toEqual(["checkpoint-000000000001"]);
    expect(store.latest().checkpoint!.read("table/ids/rows").data[0]).toBe(1);
    store.save(3, content(3));
    expect(store.latest().checkpoint!.examples).toBe(3);
    store.unlock();
    rmSync(store.directory, { recursive: true });
  });

  it("fails rejects with the same error, and they are complete after a resume", () => {
    const run = join(disk!, "rejects");
    const writer = new RejectedWriter(run);
    const reject = {
      code: "bad_label",
      column: "label",
      file: "a",
      row: 1,
      offset: 0,
      length: 1,
      value: null,
      expected: "3 columns",
      raw: Buffer.alloc(1000, 65),
    };
    writer.append(reject);
    writer.sync();
    const saved = writer.bytesWritten;
    writeFileSync(join(disk!, "ballast"), new Uint8Array(2 ** 20));
    const fill = () => {
      for (let i = 0; i < 2000; i++) writer.append(reject);
    };
    expect(errorOf(fill).code).toBe("checkpoint_write");
    writer.close();
    rmSync(join(disk!, "ballast"));
    const resumed = new RejectedWriter(run, saved);
    resumed.append(reject);
    resumed.close();
    expect(resumed.bytesWritten).toBe(2 * saved);
  });
});
