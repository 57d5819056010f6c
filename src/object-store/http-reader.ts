import { HashbrookError } from "../core/errors.js";
import { answerError, isBucketMissing, unanswered } from "./errors.js";
import type { ObjectReader, ReadOptions, StoredObject } from "./object-store.js";

/** Longer than any object takes, and short enough to notice a dead connection. */
const TIMEOUT_MS = 60_000;

/** Objects have a little over 8 MiB; a response beyond this limit is not one. */
const MOST_BYTES = 256 << 20;

/** Of an error response, as much is read, in bytes. */
const MOST_TOLD = 64 << 10;

/** Sends a request; the same for every kind of store behind HTTP. */
export type Ask = (address: string, request: RequestInit) => Promise<Response>;

/** Objects behind a web server, a cache or a content delivery network. */
export class HttpReader implements ObjectReader {
  readonly url: string;
  private readonly base: string;
  private readonly token: string | undefined;

  /**
   * @param url of the folder that holds `head.json`
   * @param token sent as a bearer token with every request
   */
  constructor(url: string, token?: string) {
    this.base = url.endsWith("/") ? url : `${url}/`;
    this.url = url;
    this.token = token;
  }

  read(key: string, options: ReadOptions = {}): Promise<StoredObject | "known" | null> {
    const headers: Record<string, string> = this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
    return readOver((address, request) => fetch(address, request), this.base + key, headers, options);
  }
}

/** Reads an object with a GET request. @throws HashbrookError store_unreachable, store_refused */
export async function readOver(
  ask: Ask,
  address: string,
  headers: Readonly<Record<string, string>>,
  { known, signal: stop }: ReadOptions,
): Promise<StoredObject | "known" | null> {
  const request = { headers: { ...headers, ...(known !== undefined && { "if-none-match": known }) } };
  return withDeadline(stop, async (signal) => {
    try {
      return await objectOf(await ask(address, { ...request, signal }), address);
    } catch (error) {
      throw error instanceof HashbrookError ? error : unanswered(address, error);
    }
  });
}

async function objectOf(response: Response, address: string): Promise<StoredObject | "known" | null> {
  const { status, headers } = response;
  if (status === 200) return { bytes: await bytesOf(response, address), tag: headers.get("etag") ?? "" };
  const text = (await contentOf(response, MOST_TOLD)).toString();
  if (status === 304) return "known";
  if (status === 404 && !isBucketMissing(status, text)) return null;
  throw answerError(address, status, text);
}

/** A response's content; of a longer one the beginning, of more than `most` bytes. */
async function contentOf({ body }: Response, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > most) break;
  }
  return Buffer.concat(chunks);
}

async function bytesOf(response: Response, address: string): Promise<Uint8Array> {
  const content = await contentOf(response, MOST_BYTES);
  if (content.length <= MOST_BYTES) return new Uint8Array(content);
  throw new HashbrookError("store_refused", `${address}: larger than ${MOST_BYTES} bytes, the limit of an object`, {
    hint: "check the address: what is there was not written by hashbrook",
  });
}

/**
 * Runs `work` with a signal that fires on time-out and on `stop`. AbortSignal.any would keep every such signal alive as
 * long as `stop`.
 */
async function withDeadline<T>(stop: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const end = () => controller.abort(new Error("aborted"));
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
  stop?.addEventListener("abort", end);
  if (stop?.aborted) end();
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener("abort", end);
  }
}
