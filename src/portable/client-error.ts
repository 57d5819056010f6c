/** A failed call, with a code for programs to branch on. */
export class ClientError extends Error {
  /**
   * The server's code (docs/ERRORS.md), or the client's: `unreachable` (no server answered), `deadline_exceeded` (time is up),
   * `bad_answer` (the answer is not from Hashbrook).
   */
  readonly code: string;
  /** HTTP status; null if there was no answer. */
  readonly status: number | null;
  /** What a person can do about it. */
  readonly hint: string | undefined;
  /** Milliseconds after which the server asks to retry. */
  readonly retryAfterMs: number | null;
  /** The request's id in the server's log. */
  readonly requestId: string | null;

  constructor(code: string, message: string, more: Partial<ClientError> & { cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = "ClientError";
    this.code = code;
    this.status = more.status ?? null;
    this.hint = more.hint;
    this.retryAfterMs = more.retryAfterMs ?? null;
    this.requestId = more.requestId ?? null;
  }
}

/** The error in an answer. */
export function failure(path: string, response: Response, text: string, retryAfterMs: number | null): ClientError {
  const { status, headers } = response;
  const facts = { status, retryAfterMs, requestId: headers.get("x-request-id") };
  const told = toldBy(text);
  if (told) return new ClientError(told.code, told.error, { ...facts, ...(told.hint && { hint: told.hint }) });
  return new ClientError("bad_answer", `${path}: HTTP ${status} ${text.slice(0, 100)}`.trimEnd(), facts);
}

function toldBy(text: string): { error: string; code: string; hint?: string } | null {
  try {
    const body = JSON.parse(text) as { error?: unknown; code?: unknown; hint?: string } | null;
    if (typeof body?.error !== "string" || typeof body.code !== "string") return null;
    return { error: body.error, code: body.code, ...(body.hint !== undefined && { hint: body.hint }) };
  } catch {
    return null;
  }
}

/** An answer's JSON; null if it is not JSON. */
export function answerOf(text: string): { readonly answer: unknown } | null {
  try {
    return { answer: JSON.parse(text) };
  } catch {
    return null;
  }
}

/** Milliseconds of a Retry-After header in seconds; null if there is none. */
export function retryAfter({ headers }: Response): number | null {
  const seconds = headers.get("retry-after");
  return seconds !== null && /^\d+$/.test(seconds) ? Number(seconds) * 1000 : null;
}
