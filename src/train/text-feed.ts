import type { Room } from "../core/batch.js";
import type { Decoder, Reject } from "../decode/decoder.js";
import { inFile } from "../decode/in-file.js";
import type { ByteSource, SourceFile, SourcePosition } from "../sources/source.js";
import type { FeedTaken, FileFeed } from "./feed.js";
import { batchesOf, type DecodedBatch, type StreamOptions } from "./stream.js";

/** Source → decoder → batches, in stream order: see `batchesOf`. */
export function decodedBatches(
  source: ByteSource,
  decoder: Decoder,
  options: StreamOptions,
): AsyncGenerator<DecodedBatch> {
  return batchesOf(new TextFeed(source, decoder), options);
}

/** Decodes the bytes of files. */
export class TextFeed implements FileFeed {
  private readonly source: ByteSource;
  private readonly decoder: Decoder;
  private ended = false;

  constructor(source: ByteSource, decoder: Decoder) {
    this.source = source;
    this.decoder = decoder;
  }

  get files(): readonly SourceFile[] {
    return this.source.files;
  }

  get file(): number {
    return this.source.file;
  }

  get bytesRead(): number {
    return this.source.bytesRead;
  }

  get fingerprints(): readonly string[] {
    return this.source.fingerprints;
  }

  get totalBytes(): number | null {
    return this.source.totalBytes;
  }

  get rows(): number {
    return this.decoder.rows;
  }

  get place(): { readonly offset: number; readonly row: number } {
    return this.decoder.place;
  }

  async goTo(place: SourcePosition): Promise<void> {
    const { source, decoder } = this;
    if (decoder.needsHeader && place.offset > 0) await readHeader(source, decoder, place.file);
    await source.open(place);
    decoder.startAt(place.offset, place.row);
    this.ended = false;
  }

  async fill(wanted: number): Promise<"full" | "end"> {
    const { source, decoder } = this;
    for (;;) {
      if (this.full(wanted)) return "full";
      if (this.ended) return "end";
      const count = await source.read(decoder.room());
      if (count > 0) decoder.commit(count);
      else {
        decoder.endFile();
        this.ended = true;
      }
    }
  }

  take(into: ArrayBufferLike | Room): FeedTaken {
    return { ...this.decoder.take(into), findings: this.decoder.findings() };
  }

  takeRejects(): readonly Reject[] {
    return this.decoder.takeRejects();
  }

  async nextFile(): Promise<boolean> {
    const more = await this.source.nextFile();
    // An empty file has no first byte that would start it.
    if (more) this.decoder.startAt(0, 0);
    if (more) this.ended = false;
    return more;
  }

  verify(fingerprints: readonly string[]): Promise<void> {
    return this.source.verify(fingerprints);
  }

  close(): Promise<void> {
    return this.source.close();
  }

  private full(wanted: number): boolean {
    return inFile(this.source.files[this.source.file].name, () => this.decoder.scan(wanted) === "full");
  }
}

/** Reads the header of a file that will be continued in the middle. */
async function readHeader(source: ByteSource, decoder: Decoder, file: number): Promise<void> {
  await source.open({ file, offset: 0, row: 0 });
  while (inFile(source.files[file].name, () => decoder.scan(0)) === "more") {
    const count = await source.read(decoder.room());
    if (count === 0) return;
    decoder.commit(count);
  }
}
