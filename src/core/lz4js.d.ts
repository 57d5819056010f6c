/** The part of the untyped library that is used. */
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
