/** The parts of the untyped codec libraries that are used. */
declare module "lz4js" {
  /** Writes the block's content to `target` from `to` on and returns where it ended. */
  export function decompressBlock(
    source: Uint8Array,
    target: Uint8Array,
    from: number,
    length: number,
    to: number,
  ): number;
}

declare module "kafkajs-snappy" {
  interface Codec {
    compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
    decompress(data: Buffer): Promise<Buffer>;
  }
  export default function codec(): Codec;
}
