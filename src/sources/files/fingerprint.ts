import { HashbrookError } from "../../core/errors.js";
import { hex64 } from "../../core/hash.js";
import { xxh64 } from "../../kernels/hash.js";
import { headOf, type Input } from "../reader.js";

/** Bytes of content that identify a file. */
export const HEAD = 1 << 16;

/**
 * Identity of an input: "BYTES XXH64 NAME", where XXH64 (seed 0, hex) is of its first BYTES bytes of decompressed
 * content, at most 64 KiB. A file keeps its identity when data are appended. A pipe is identified by its name only.
 * @param bytes number of bytes to hash; fewer are used if the content is shorter
 */
export async function fingerprint(input: Input, bytes = HEAD): Promise<string> {
  const head = input.repeatable ? await readHead(input, bytes) : new Uint8Array(0);
  return `${head.length} ${hex64(xxh64(head))} ${input.id}`;
}

/**
 * Throws `source_changed` unless `input` still has the content of which `expected` is the fingerprint. Its name may
 * differ.
 */
export async function verifyFingerprint(input: Input, expected: string): Promise<void> {
  const { bytes, hash, name } = parseFingerprint(expected);
  const found = parseFingerprint(await fingerprint(input, bytes));
  if (found.bytes === bytes && found.hash === hash && (bytes > 0 || name === input.id)) return;
  throw name === input.id
    ? changed(`${input.name}: its first ${bytes} bytes have changed since the checkpoint`)
    : changed(`${input.name}: the checkpoint was made with ${name} at this position`);
}

export function parseFingerprint(text: string): { bytes: number; hash: string; name: string } {
  const [bytes, hash, ...name] = text.split(" ");
  return { bytes: Number(bytes), hash, name: name.join(" ") };
}

/** The error for data that differ from those a checkpoint was trained on. */
export function changed(message: string): HashbrookError {
  return new HashbrookError("source_changed", message, {
    hint: "give the same data as before (the same topic, or the same files in the same order; later ones may be added), or start without --resume",
  });
}

/** The first `bytes` bytes of an input's content; fewer if it is shorter. */
export async function readHead(input: Input, bytes: number): Promise<Uint8Array> {
  return headOf(await input.open(0), bytes);
}
