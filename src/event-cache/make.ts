import { setImmediate } from "node:timers/promises";
import { deflateRawSync } from "node:zlib";
import { batchLayout } from "../core/batch.js";
import { Decoder, type Place } from "../decode/decoder.js";
import { inFile } from "../decode/in-file.js";
import { HEAD, readHead } from "../sources/files/fingerprint.js";
import type { Input } from "../sources/reader.js";
import { type ByteSource, sourceOf } from "../sources/source.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { withParts } from "../spec/cross-parts.js";
import { BlockPacker } from "./packer.js";
import { type CacheSize, CacheWriter } from "./writer.js";

/** Most rows of a block: its codes for the values of a row have 16 bits. */
const MOST_ROWS = 65_536;
/** Approximate size of a decoded block. */
const BLOCK_BYTES = 48 << 20;

/** How a cache is made. */
export interface MakeOptions {
  /** Columns and paths whose texts are kept of every row. */
  readonly kept: readonly string[];
  /** Called after every block. */
  readonly onProgress?:
    | ((size: CacheSize & { readonly bytesRead: number; readonly totalBytes: number | null }) => void)
    | undefined;
  /** Rows of a block, at most 65,536. Default: as many as take about 48 MiB decoded. */
  readonly blockRows?: number | undefined;
  /** When it aborts, no files are left. */
  readonly signal?: AbortSignal | undefined;
}

/** A finished cache. */
export interface MadeCache extends CacheSize {
  /** Bytes of the data's decompressed content. */
  readonly content: number;
}

/**
 * Decodes all inputs and stores the decoded events in a directory.
 * @returns null if stopped
 * @throws HashbrookError cache_write; source_missing, source_unreadable
 */
export async function makeCache(
  spec: CompiledSpec,
  inputs: readonly Input[],
  directory: string,
  options: MakeOptions,
): Promise<MadeCache | null> {
  const maker = new CacheMaker(spec, inputs, directory, options);
  try {
    const made = await maker.run();
    if (!made) maker.discard();
    return made;
  } catch (error) {
    maker.discard();
    throw error;
  }
}

/** Rows per block: as many as take about 48 MiB decoded. */
function blockRows(spec: CompiledSpec): number {
  const bytes = batchLayout(spec, 256).bytes / 256;
  return Math.max(256, Math.min(MOST_ROWS, 2 ** Math.floor(Math.log2(BLOCK_BYTES / bytes))));
}

class CacheMaker {
  private readonly spec: CompiledSpec;
  private readonly inputs: readonly Input[];
  private readonly options: MakeOptions;
  private readonly source: ByteSource;
  private readonly decoder: Decoder;
  private readonly packer: BlockPacker;
  private readonly writer: CacheWriter;
  /** Where the current block begins. */
  private start: Place = { offset: 0, row: 0 };
  private content = 0;
  /** Of the current file. */
  private rows = 0;
  private rejected = 0;

  constructor(spec: CompiledSpec, inputs: readonly Input[], directory: string, options: MakeOptions) {
    const decoded = withParts(spec);
    const { kept, blockRows: capacity = blockRows(decoded) } = options;
    this.spec = spec;
    this.inputs = inputs;
    this.options = options;
    this.source = sourceOf(inputs);
    this.decoder = new Decoder(decoded, { capacity, marks: true, ...(kept.length > 0 ? { kept } : {}) });
    this.packer = new BlockPacker(decoded, this.decoder.layout);
    this.writer = new CacheWriter(directory);
  }

  async run(): Promise<MadeCache | null> {
    try {
      if (!(await this.readFiles())) return null;
    } finally {
      await this.source.close();
    }
    const bytes = this.writer.finish(this.spec, this.decoder.layout.capacity, this.options.kept);
    return { ...this.writer.size, bytes, content: this.content };
  }

  discard(): void {
    this.writer.discard();
  }

  /** @returns false if stopped */
  private async readFiles(): Promise<boolean> {
    await this.source.open({ file: 0, offset: 0, row: 0 });
    this.decoder.startAt(0, 0);
    do {
      if (!(await this.readFile())) return false;
    } while (await this.nextFile());
    return true;
  }

  /** @returns false if stopped */
  private async readFile(): Promise<boolean> {
    const { source, decoder } = this;
    for (let more = true; more; ) {
      while (this.isFull()) {
        this.block();
        // Lets an abort event be delivered.
        await setImmediate();
      }
      const count = await source.read(decoder.room());
      if (count > 0) decoder.commit(count);
      else {
        decoder.endFile();
        more = false;
      }
      if (this.options.signal?.aborted) return false;
    }
    while (this.isFull()) this.block();
    this.block();
    await this.endFile();
    return true;
  }

  private isFull(): boolean {
    const { source, decoder } = this;
    return inFile(source.files[source.file].name, () => decoder.scan() === "full");
  }

  private async nextFile(): Promise<boolean> {
    const more = await this.source.nextFile();
    if (more) this.decoder.startAt(0, 0);
    this.start = { offset: 0, row: 0 };
    this.rows = 0;
    this.rejected = 0;
    return more;
  }

  private block(): void {
    const { decoder, packer, writer, source } = this;
    const taken = { ...decoder.take(packer.room), findings: decoder.findings() };
    const bytes = packer.pack(taken, this.start);
    const { rows } = taken.batch;
    const rejects = taken.rejects.map(({ code }) => code);
    writer.add({ bytes, file: source.file, rows, rejects, ...this.start });
    this.start = { offset: taken.offset, row: taken.row };
    this.rows += rows;
    this.rejected += rejects.length;
    const { bytesRead, totalBytes } = source;
    this.options.onProgress?.({ ...writer.size, bytesRead, totalBytes });
  }

  private async endFile(): Promise<void> {
    const { start, rows, rejected } = this;
    const { name, id, bytes: stored, modified = null, repeatable } = this.inputs[this.source.file];
    const head = repeatable ? await readHead(this.inputs[this.source.file], HEAD) : new Uint8Array(0);
    const file = { name, id, stored, modified, repeatable, ...start, rows, rejected };
    this.writer.endFile(file, deflateRawSync(head), head.length);
    this.content += start.offset;
  }
}
