/** The parts of the untyped codec libraries that are used. */
declare module "kafkajs-snappy" {
  interface Codec {
    compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
    decompress(data: Buffer): Promise<Buffer>;
  }
  export default function codec(): Codec;
}
