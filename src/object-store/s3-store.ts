import { setTimeout as sleep } from "node:timers/promises";
import { AwsClient } from "aws4fetch";
import { isPlainHttp, withoutSecrets } from "../core/address.js";
import { HashbrookError } from "../core/errors.js";
import { isCut } from "../core/network-errors.js";
import { answerError, isBucketMissing, isTemporary, unanswered, unreachable } from "./errors.js";
import { readOver } from "./http-reader.js";
import type { ObjectStore, ReadOptions, StoredObject, WriteOptions } from "./object-store.js";

/** Where a bucket is, and credentials for it, as the AWS tools' variables give them. */
export interface S3Options {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly region: string;
  /** For a store other than Amazon's, such as http://localhost:9000. */
  readonly endpoint?: string | undefined;
}

const FOR_EVER = "public, max-age=31536000, immutable";
const A_SECOND = "public, max-age=1";
const RETRIES = 3;
/** Before a request is repeated, at most; twice as long before the next time. */
const RETRY_MS = 50;
/** A signature is for one address: what a store redirects to would refuse it. */
const STAY = { redirect: "manual" } as const;
/** Concurrent removals. */
const AT_ONCE = 16;

/** Objects in a bucket of Amazon S3, or of a compatible store that supports conditional writes. */
export class S3Store implements ObjectStore {
  readonly url: string;
  private readonly client: AwsClient;
  /** Does not repeat a request: whether a write was repeated must be known. */
  private readonly once: AwsClient;
  /** Of the bucket, with a slash at its end. */
  private readonly base: string;
  /** Empty, or with a slash at its end. */
  private readonly prefix: string;

  constructor(bucket: string, prefix: string, { endpoint, region, ...credentials }: S3Options) {
    this.url = `s3://${bucket}/${prefix}`;
    this.prefix = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
    this.base = endpoint
      ? `${endpoint.replace(/\/+$/, "")}/${bucket}/`
      : `https://${bucket}.s3.${region}.amazonaws.com/`;
    const client = (retries: number) =>
      new AwsClient({ ...credentials, region, service: "s3", retries } as ConstructorParameters<typeof AwsClient>[0]);
    this.client = client(RETRIES);
    this.once = client(0);
  }

  read(key: string, options: ReadOptions = {}): Promise<StoredObject | "known" | null> {
    const ask = (address: string, request: RequestInit) => this.client.fetch(address, { ...request, ...STAY });
    return untilAnswered(() => readOver(ask, this.addressOf(key), {}, options));
  }

  async write(key: string, bytes: Uint8Array, { only, immutable }: WriteOptions): Promise<string | null> {
    const headers = {
      "content-type": key.endsWith(".json") ? "application/json" : "application/octet-stream",
      "cache-control": immutable ? FOR_EVER : A_SECOND,
      ...(only === "absent" ? { "if-none-match": "*" } : only && { "if-match": only.tag }),
    };
    const { response, text, repeated } = await this.put(this.addressOf(key), headers, bytes);
    if (response.status === 412 && repeated) return this.ownTag(key, bytes);
    const unmet = response.status === 412 || (only && response.status === 404);
    if (unmet && !isBucketMissing(response.status, text)) return null;
    // Two conditional writes at the same time: both may be retried.
    if (response.status === 409) throw unreachable(this.addressOf(key), "is being written by another process");
    if (!response.ok) throw answerError(this.addressOf(key), response.status, text);
    return response.headers.get("etag") ?? "";
  }

  /** Repeats a write while the store says: not now, and after a cut connection. */
  private async put(address: string, headers: Record<string, string>, bytes: Uint8Array) {
    let asked = 0;
    const ask = () => {
      asked++;
      return this.ask(address, { method: "PUT", headers, body: bytes as Uint8Array<ArrayBuffer> }, this.once);
    };
    const answer = await untilAnswered(ask, ({ response }) => isTemporary(response.status));
    return { ...answer, repeated: asked > 1 };
  }

  /** A store may apply a write and nevertheless answer with an error. @returns null if the object is another one */
  private async ownTag(key: string, bytes: Uint8Array): Promise<string | null> {
    const found = await this.read(key);
    return found && found !== "known" && Buffer.compare(found.bytes, bytes) === 0 ? found.tag : null;
  }

  async list(): Promise<string[]> {
    const keys: string[] = [];
    for (let after: string | undefined; ; after = keys.at(-1)) {
      const query = new URLSearchParams({ "list-type": "2", prefix: this.prefix });
      if (after !== undefined) query.set("start-after", this.prefix + after);
      const { response, text } = await untilAnswered(() => this.ask(`${this.base}?${query}`, {}));
      if (!response.ok) throw answerError(this.base, response.status, text);
      const page = [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key.slice(this.prefix.length));
      keys.push(...page);
      if (page.length === 0 || !/<IsTruncated>true</.test(text)) return keys.sort();
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += AT_ONCE)
      await Promise.all(keys.slice(at, at + AT_ONCE).map((key) => this.removeOne(key)));
  }

  private async removeOne(key: string): Promise<void> {
    const { response, text } = await untilAnswered(() => this.ask(this.addressOf(key), { method: "DELETE" }));
    if (!response.ok && response.status !== 404) throw answerError(this.addressOf(key), response.status, text);
  }

  private async ask(address: string, request: RequestInit, client = this.client) {
    try {
      const response = await client.fetch(address, { ...request, ...STAY });
      return { response, text: await response.text() };
    } catch (error) {
      throw unanswered(address, error);
    }
  }

  private addressOf(key: string): string {
    return this.base + this.prefix + key;
  }
}

/** Repeats a request whose connection is cut, or whose answer says: not now. */
async function untilAnswered<T>(ask: () => Promise<T>, notNow: (answer: T) => boolean = () => false): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await ask();
      if (attempt === RETRIES || !notNow(answer)) return answer;
    } catch (error) {
      if (attempt === RETRIES || !isCut(error)) throw error;
    }
    await sleep(RETRY_MS * 2 ** attempt);
  }
}

/**
 * S3 options from the environment. @throws HashbrookError usage if credentials are missing, or are part of an address
 */
export function s3Options(env: Readonly<Record<string, string | undefined>>): S3Options {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId || !secretAccessKey)
    throw new HashbrookError("usage", "s3://… requires credentials, but the environment has none", {
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; AWS_REGION and, for another store than Amazon's, AWS_ENDPOINT_URL",
    });
  const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
  if (endpoint && !isPlainHttp(endpoint))
    throw new HashbrookError("usage", `${withoutSecrets(endpoint)}: not the address of an object store`, {
      hint: "set AWS_ENDPOINT_URL to https://HOST:PORT, and credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    });
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: env.AWS_SESSION_TOKEN,
    region: env.AWS_REGION || env.AWS_DEFAULT_REGION || "us-east-1",
    endpoint,
  };
}
