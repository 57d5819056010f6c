import type { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { HashbrookError } from "../../core/errors.js";

export const SEND_JSON = "send JSON with content-type: application/json, not compressed";

/**
 * A body is read to its end up to this many times the limit, so that the client receives the refusal instead of a
 * broken pipe.
 */
const DRAINED = 16;

/**
 * The bytes of a request's body.
 * @throws HashbrookError request_invalid, request_too_large; Unsupported
 */
export async function readBody({ headers }: FastifyRequest, payload: Readable, limit: number): Promise<Buffer> {
  // A client that waits for leave to send its body receives the refusal in place of it.
  const most = headers.expect === undefined ? DRAINED * limit : limit;
  if (Number(headers["content-length"]) > most) throw tooLarge(limit);
  const body = await wholeOf(payload, limit);
  refuseCoded("content-encoding", headers["content-encoding"], "identity");
  refuseCoded("transfer-encoding", headers["transfer-encoding"], "chunked");
  if (body) return body;
  throw tooLarge(limit);
}

function refuseCoded(header: string, given: string | undefined, plain: string): void {
  if (given !== undefined && given.toLowerCase() !== plain) throw new Unsupported(`${header}: ${given}: not supported`);
}

/** Made only where it is thrown: an error's stack trace takes as long as reading a small body does. */
function tooLarge(limit: number): HashbrookError {
  return new HashbrookError("request_too_large", `body: larger than ${limit} bytes`, { hint: "split the request" });
}

/**
 * The complete body; undefined if it exceeds the limit. Uses listeners instead of an iterator, because most bodies
 * arrive in one piece.
 */
function wholeOf(payload: Readable, limit: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const cut = (cause?: Error) => reject(new HashbrookError("request_invalid", "body: truncated", { cause }));
    payload.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else if (size > DRAINED * limit) payload.destroy();
    });
    payload.on("end", () => resolve(size > limit ? undefined : joined(chunks)));
    payload.on("error", cut);
    payload.on("close", () => {
      if (size > limit) resolve(undefined);
      else if (!payload.readableEnded) cut();
    });
  });
}

function joined(chunks: readonly Buffer[]): Buffer {
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}

/** A body with an unsupported encoding. */
class Unsupported extends Error {
  readonly statusCode = 415;
}
