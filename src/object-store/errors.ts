import { HashbrookError } from "../core/errors.js";
import { writeError } from "../core/files.js";
import { networkFailure } from "../core/network-errors.js";

/** A file of a store that cannot be written. */
export function storeWriteError(path: string, error: unknown): HashbrookError {
  if (error instanceof HashbrookError) return error;
  const { message, hint } = writeError(path, error);
  return new HashbrookError("log_write", message, { cause: error, ...(hint === undefined ? {} : { hint }) });
}

/** No response, or one that says: not now. */
export function unreachable(url: string, why: string, cause?: unknown, hint?: string): HashbrookError {
  return new HashbrookError("store_unreachable", `${url}: ${why}`, {
    cause,
    hint: hint ?? "check that the store is running, that its address is right, and that this machine can reach it",
  });
}

/** A request without a response, by what `fetch` has thrown. */
export function unanswered(url: string, error: unknown): HashbrookError {
  const { reason, hint } = networkFailure(error);
  return unreachable(url, reason, error, hint);
}

/** Whether a response with this status says: not now. 501 says: never. */
export const isTemporary = (status: number): boolean =>
  status === 408 || status === 429 || (status >= 500 && status !== 501);

const CREDENTIALS = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";
const REGION = "set AWS_REGION to the bucket's region";
const CONDITIONS =
  "the store must support conditional writes (If-None-Match: *, If-Match): upgrade it, or use another one";

/** By the codes of the S3 protocol. */
const refusals: readonly (readonly [code: RegExp, hint: string])[] = [
  [/^NoSuchBucket$/, "create the bucket, or check the name in s3://BUCKET/… and AWS_ENDPOINT_URL"],
  [/^(PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint.*)$/, REGION],
  [/^RequestTimeTooSkewed$/, "this machine's clock is wrong: synchronise it"],
  [/^(ExpiredToken|TokenRefreshRequired)$/, "the credentials have expired: get new ones (AWS_SESSION_TOKEN)"],
  [/^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken)$/, CREDENTIALS],
  [/^NotImplemented$/, CONDITIONS],
  [
    /^AccessDenied$/,
    `${CREDENTIALS}, and that they permit GetObject and ListBucket, to write also PutObject and DeleteObject`,
  ],
];

function hintOf(status: number, code: string): string {
  const known = refusals.find(([sign]) => sign.test(code));
  if (known) return known[1];
  if (status === 401 || status === 403)
    return "check the credentials and their permissions: see docs/OPERATIONS.md for their variables";
  if (status === 404 || status === 405) return "check the address: it is not one of objects";
  if (status === 501) return CONDITIONS;
  if (status >= 300 && status < 400) return "use the address that it redirects to";
  return "check that the address is that of a store of objects, and look into the store's log";
}

/** The code in a response of the S3 protocol; empty if it has none. */
const codeOf = (text: string): string => /<Code>\s*(\w{1,64})\s*<\/Code>/.exec(text)?.[1] ?? "";

/** Whether the store reports that the bucket is missing, and not only the object. */
export const isBucketMissing = (status: number, text: string): boolean =>
  status === 404 && codeOf(text) === "NoSuchBucket";

/**
 * An unexpected response: neither the object nor "not found".
 * @param text its content
 */
export function answerError(url: string, status: number, text: string): HashbrookError {
  const code = codeOf(text);
  const why = `responded with status ${status}${code && ` (${code})`}`;
  if (isTemporary(status)) return unreachable(url, why);
  return new HashbrookError("store_refused", `${url}: ${why}`, { hint: hintOf(status, code) });
}
