import { afterAll, describe, expect, it } from "vitest";
import type { ByteSource } from "../../src/sources/source.js";

/** The content of a source under test. */
export interface SourceCase {
  /** Creates a new source over the same content. */
  readonly make: () => ByteSource;
  /** The decompressed content of each file. */
  readonly contents: readonly Uint8Array[];
  /** Why it can only start at its beginning; undefined if it can start anywhere. */
  readonly onlyFromStart?: string;
}

/** Reads to the end of the list, at most `size` bytes at a time. @returns the rest of each file from the position on */
export async function readRest(source: ByteSource, size: number): Promise<Uint8Array[]> {
  const files: Uint8Array[] = [];
  const target = new Uint8Array(size);
  do {
    const chunks: Uint8Array[] = [];
    for (let count = await source.read(target); count > 0; count = await source.read(target)) {
      expect(count).toBeLessThanOrEqual(size);
      chunks.push(target.slice(0, count));
    }
    files.push(Buffer.concat(chunks));
  } while (await source.nextFile());
  return files;
}

const texts = (files: readonly Uint8Array[]) => files.map((bytes) => Buffer.from(bytes).toString("latin1"));
const START = { file: 0, offset: 0, row: 0 };

/** The contract of `ByteSource`, which every kind of input must meet. */
export function sourceContract(name: string, prepare: () => SourceCase | Promise<SourceCase>): void {
  describe(`source contract: ${name}`, async () => {
    const { make, contents, onlyFromStart } = await prepare();
    const open: ByteSource[] = [];
    const opened = async (position = START) => {
      const source = make();
      open.push(source);
      await source.open(position);
      return source;
    };
    afterAll(() => Promise.all(open.map((source) => source.close())));

    it.each([1 << 20, 4096, 997])("gives the files' bytes in order, %i at a time", async (size) => {
      expect(texts(await readRest(await opened(), size))).toEqual(texts(contents));
    });

    it("returns 0 at the end of a file on every read, and false after the last file", async () => {
      const source = await opened();
      await readRest(source, 1 << 16);
      expect([await source.read(new Uint8Array(8)), await source.read(new Uint8Array(8))]).toEqual([0, 0]);
      expect(await source.nextFile()).toBe(false);
      expect(source.file).toBe(contents.length - 1);
    });

    it("reads into WebAssembly memory", async () => {
      const { buffer } = new WebAssembly.Memory({ initial: 1 });
      const source = await opened();
      const count = await source.read(new Uint8Array(buffer, 100, 5));
      const expected = Buffer.from(contents[0].subarray(0, count)).toString("latin1");
      expect(count).toBeGreaterThan(0);
      expect(Buffer.from(buffer, 100, count).toString("latin1")).toBe(expected);
      expect(new Uint8Array(buffer)[100 + count]).toBe(0);
    });

    it("counts bytes up to the total, if the total is known", async () => {
      const source = await opened();
      expect(source.bytesRead).toBe(0);
      await readRest(source, 1 << 16);
      const total = contents.reduce((sum, { length }) => sum + length, 0);
      if (source.totalBytes === null) expect(source.bytesRead).toBeGreaterThanOrEqual(contents.at(-1)!.length);
      else expect(source.bytesRead).toBe(source.totalBytes);
      if (source.files.every(({ name }) => !/\.(gz|zst)$|^simulate:/.test(name)))
        expect(source.totalBytes ?? total).toBe(total);
    });

    it("verifies the fingerprints of an earlier run, and keeps them", async () => {
      const first = await opened();
      await readRest(first, 1 << 16);
      expect(first.fingerprints).toHaveLength(contents.length);
      const again = make();
      await again.verify(first.fingerprints);
      expect(again.fingerprints).toEqual(first.fingerprints);
    });

    if (onlyFromStart) {
      it(`refuses to start later: ${onlyFromStart}`, async () => {
        await expect(opened({ file: 0, offset: 1, row: 1 })).rejects.toMatchObject({ code: "source_unreadable" });
      });
      return;
    }

    it("resumes at any position with exactly the remaining bytes", async () => {
      for (const [file, content] of contents.entries()) {
        for (const offset of new Set([0, Math.min(1, content.length), content.length >> 1, content.length])) {
          const rest = await readRest(await opened({ file, offset, row: 0 }), 1 << 16);
          expect(texts(rest), `file ${file}, byte ${offset}`).toEqual(
            texts([content.subarray(offset), ...contents.slice(file + 1)]),
          );
        }
      }
    });

    it("rewinds for another epoch, and continues counting", async () => {
      const source = await opened();
      await readRest(source, 1 << 16);
      const once = source.bytesRead;
      await source.open({ ...START, epoch: 1 });
      expect(texts(await readRest(source, 1 << 16))).toEqual(texts(contents));
      if (source.totalBytes !== null) expect(source.bytesRead).toBe(2 * once);
    });

    it("rejects a position after the end: the data were truncated", async () => {
      const position = { file: 0, offset: contents[0].length + 1, row: 0 };
      await expect(opened(position)).rejects.toMatchObject({ code: "source_changed" });
      await expect(opened({ ...START, file: contents.length })).rejects.toMatchObject({ code: "source_changed" });
    });
  });
}
