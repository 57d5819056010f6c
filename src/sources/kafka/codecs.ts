import { promisify } from "node:util";
import * as zlib from "node:zlib";
import kafkajs from "kafkajs";
import snappy from "kafkajs-snappy";
import { HashbrookError } from "../../core/errors.js";
import { lz4Decompress } from "./lz4.js";

type Encoder = { readonly buffer: Buffer };
interface Codec {
  compress(encoder: Encoder): Promise<Buffer>;
  decompress(data: Buffer): Promise<Buffer>;
}
type Transform = (data: Uint8Array) => Promise<Buffer>;
type MaybeZstd = Partial<Record<"zstdCompress" | "zstdDecompress", Parameters<typeof promisify>[0]>>;

const { zstdCompress, zstdDecompress } = zlib as MaybeZstd;

/** True where this Node can read and write zstd (22.15 and later, 23.8 and later). */
export const kafkaZstdAvailable = zstdDecompress !== undefined;

/** How record batches may be compressed when sent. LZ4 is only read: lz4js links blocks, and brokers refuse that. */
export const compressionTypes = {
  none: kafkajs.CompressionTypes.None,
  gzip: kafkajs.CompressionTypes.GZIP,
  snappy: kafkajs.CompressionTypes.Snappy,
  zstd: kafkajs.CompressionTypes.ZSTD,
} as const;

export type Compression = keyof typeof compressionTypes;

/** Makes kafkajs read and write snappy, lz4 and zstd; gzip it has built in. Safe to call again. */
export function registerCodecs(): void {
  const codecs = kafkajs.CompressionCodecs as Record<number, () => Codec>;
  codecs[compressionTypes.snappy] = snappy;
  codecs[kafkajs.CompressionTypes.LZ4] = () => lz4;
  codecs[compressionTypes.zstd] = () => zstd;
}

const lz4: Codec = {
  compress: () => {
    throw new HashbrookError("kafka_failed", "LZ4 is read, not written", { hint: "send with snappy, gzip or zstd" });
  },
  decompress: async (data) => lz4Decompress(data),
};

const zstd: Codec = {
  compress: async ({ buffer }) => zstdTransform(zstdCompress)(buffer),
  decompress: async (data) => zstdTransform(zstdDecompress)(data),
};

function zstdTransform(transform: MaybeZstd[keyof MaybeZstd]): Transform {
  if (transform) return promisify(transform) as Transform;
  const error = new HashbrookError(
    "kafka_failed",
    `the topic holds zstd-compressed messages, and Node ${process.versions.node} has no zstd`,
    { hint: "use Node 22.15 or later, or set the topic's compression.type to lz4, snappy or gzip" },
  );
  // Without this mark kafkajs would try again for ever.
  throw Object.assign(error, { retriable: false });
}
