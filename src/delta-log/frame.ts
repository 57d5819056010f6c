import { HashbrookError } from "../core/errors.js";
import { xxh64 } from "../kernels/hash.js";

/**
 * Sent with a part without belonging to it: a part that is sent again after a crash has the same bytes, but another
 * envelope.
 */
export interface Envelope {
  /** The writer's generation: later ones take precedence. */
  readonly epoch: number;
  /** When it was sent, ms since the epoch. */
  readonly sent: number;
}

export interface Frame extends Envelope {
  /** A part's bytes (see entry.ts). */
  readonly body: Uint8Array;
}

/** Bytes before the body: "HBFR", u32 body bytes, f64 epoch, f64 sent, u64 XXH64 of these 24 bytes. */
export const FRAME_HEAD = 32;
const MAGIC = 0x52464248;
const CHECKED = 24;

/** An envelope and a body as bytes. */
export function sealFrame({ epoch, sent, body }: Frame): Uint8Array {
  const out = new Uint8Array(FRAME_HEAD + body.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, body.length, true);
  view.setFloat64(8, epoch, true);
  view.setFloat64(16, sent, true);
  view.setBigUint64(CHECKED, xxh64(out.subarray(0, CHECKED)), true);
  out.set(body, FRAME_HEAD);
  return out;
}

/**
 * Splits consecutive frames. The bodies are views, not checked yet.
 * @throws HashbrookError log_damaged
 */
export function* openFrames(bytes: Uint8Array): Generator<Frame> {
  for (let at = 0; at < bytes.length; ) {
    const frame = openFrame(bytes.subarray(at));
    yield frame;
    at += FRAME_HEAD + frame.body.length;
  }
}

function openFrame(bytes: Uint8Array): Frame {
  const { epoch, sent, bytes: size } = frameHead(bytes);
  if (FRAME_HEAD + size > bytes.length) throw damaged("it is truncated");
  return { epoch, sent, body: bytes.subarray(FRAME_HEAD, FRAME_HEAD + size) };
}

/** Reads a frame's envelope, and the size of its body, from its first bytes. */
export function frameHead(bytes: Uint8Array): Envelope & { readonly bytes: number } {
  if (bytes.length < FRAME_HEAD) throw damaged("it is truncated");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw damaged("it does not begin with HBFR");
  if (view.getBigUint64(CHECKED, true) !== xxh64(bytes.subarray(0, CHECKED)))
    throw damaged("its envelope does not match its checksum");
  return { epoch: view.getFloat64(8, true), sent: view.getFloat64(16, true), bytes: view.getUint32(4, true) };
}

/** The error for a frame that cannot be read. */
export function damaged(reason: string): HashbrookError {
  return new HashbrookError("log_damaged", `frame of the delta log: damaged: ${reason}`);
}
