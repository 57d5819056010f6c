import * as zlib from "node:zlib";
import { decompress } from "fzstd";

type Sync = (data: Uint8Array) => Uint8Array;

const { zstdDecompressSync } = zlib as unknown as { zstdDecompressSync?: Sync };

/** All content of zstd frames; by Node where it has zstd (22.15 and later), else by fzstd. @throws what either throws over damaged data */
export const zstdDecompress: Sync = zstdDecompressSync ?? ((data) => decompress(data));
