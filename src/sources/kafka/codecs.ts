import { promisify } from "node:util";
import * as zlib from "node:zlib";
import kafkajs from "kafkajs";
import snappy from "kafkajs-snappy";
import { HashbrookError } from "../../core/errors.js";
import { lz4Decompress } from "../../core/lz4.js";
import { zstdDecompress } from "../../core/zstd.js";

type Encoder = { readonly buffer: Buffer };
interface Codec {
  compress(encoder: Encoder): Promise<Buffer>;
  decompress(data: Buffer): Promise<Buffer>;
}
type Transform = (data: Uint8Array) => Promise<Buffer>;
type MaybeZstd = { readonly zstdCompress?: Parameters<typeof promisify>[0] };

const { zstdCompress } = zlib as MaybeZstd;

/** True if this version of Node can write zstd (22.15 and later, 23.8 and later); every version can read it. */
export const kafkaZstdAvailable = zstdCompress !== undefined;

/**
 * How record batches may be compressed when sent. LZ4 is supported for reading only: lz4js writes linked blocks, which
 * brokers refuse.
 */
export const compressionTypes = {
  none: kafkajs.CompressionTypes.None,
  gzip: kafkajs.CompressionTypes.GZIP,
  snappy: kafkajs.CompressionTypes.Snappy,
  zstd: kafkajs.CompressionTypes.ZSTD,
} as const;

export type Compression = keyof typeof compressionTypes;

/** Registers snappy, lz4 and zstd with kafkajs, which includes gzip. Can be called repeatedly. */
export function registerCodecs(): void {
  const codecs = kafkajs.CompressionCodecs as Record<number, () => Codec>;
  codecs[compressionTypes.snappy] = snappy;
  codecs[kafkajs.CompressionTypes.LZ4] = () => lz4;
  codecs[compressionTypes.zstd] = () => zstd;
}

const lz4: Codec = {
  compress: () => {
    throw new HashbrookError("kafka_failed", "LZ4 compression is not supported for sending", {
      hint: "send with snappy, gzip or zstd",
    });
  },
  decompress: async (data) => lz4Decompress(data),
};

const zstd: Codec = {
  compress: ({ buffer }) => {
    if (zstdCompress) return (promisify(zstdCompress) as Transform)(buffer);
    throw new HashbrookError("kafka_failed", `Node ${process.versions.node} cannot compress with zstd`, {
      hint: "use Node 22.15 or later, or send with snappy or gzip",
    });
  },
  decompress: async (data) => Buffer.from(zstdDecompress(data)),
};
