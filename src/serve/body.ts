import type { FastifyRequest } from "fastify";
import { HashbrookError } from "../core/errors.js";

export const SEND_JSON = "send JSON with content-type: application/json, not compressed";

/** A body is read to its end up to this many times the limit, so that the client hears the refusal instead of a broken pipe. */
const DRAINED = 16;

/**
 * The bytes of a request's body.
 * @throws HashbrookError request_invalid, request_too_large; Unsupported
 */
export async function readBody(
  { headers }: FastifyRequest,
  payload: AsyncIterable<Buffer>,
  limit: number,
): Promise<Buffer> {
  const encoding = headers["content-encoding"] ?? "identity";
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of payload) {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else if (size > DRAINED * limit) break;
    }
  } catch (cause) {
    throw new HashbrookError("request_invalid", "body: was cut short", { cause });
  }
  if (encoding.toLowerCase() !== "identity") throw new Unsupported(`content-encoding: ${encoding}: is not read`);
  if (size <= limit) return Buffer.concat(chunks);
  throw new HashbrookError("request_too_large", `body: over ${limit} bytes`, { hint: "split the request" });
}

/** A body that is there, but in another form. */
class Unsupported extends Error {
  readonly statusCode = 415;
}
