import * as zlib from "node:zlib";
import { decompress } from "fzstd";

type Sync = (data: Uint8Array) => Uint8Array;

const { zstdDecompressSync } = zlib as unknown as { zstdDecompressSync?: Sync };

/**
 * The whole content of zstd frames; by Node if it has zstd (22.15 and later), else by fzstd. @throws what either throws
 * for damaged data
 */
export const zstdDecompress: Sync = zstdDecompressSync ?? ((data) => decompress(data));
