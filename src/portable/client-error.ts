/** What went wrong with a call, with what a program branches on. */
export class ClientError extends Error {
  /**
   * The server's code (docs/ERRORS.md), or of the client: `unreachable` (no server answered), `deadline_exceeded` (the time is over),
   * `bad_answer` (what answered is no Hashbrook).
   */
  readonly code: string;
  /** HTTP status; null where there was no answer. */
  readonly status: number | null;
  /** What a person may do about it. */
  readonly hint: string | undefined;
  /** After how many milliseconds the server asks to be asked again. */
  readonly retryAfterMs: number | null;
  /** The id under which the server's log has the request. */
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

/** The error that an answer tells. */
export function failure(path: string, response: Response, text: string, retryAfterMs: number | null): ClientError {
  const { status, headers } = response;
  const facts = { status, retryAfterMs, requestId: headers.get("x-request-id") };
  const told = toldBy(text);
  if (told) return new ClientError(told.code, told.error, { ...facts, ...(told.hint && { hint: told.hint }) });
  return new ClientError("bad_answer", `${path}: answered ${status} ${text.slice(0, 100)}`.trimEnd(), facts);
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

/** An answer's JSON; null where it is none. */
export function answerOf(text: string): { readonly answer: unknown } | null {
  try {
    return { answer: JSON.parse(text) };
  } catch {
    return null;
  }
}

/** Milliseconds of a Retry-After header in seconds; null where there is none. */
export function retryAfter({ headers }: Response): number | null {
  const seconds = headers.get("retry-after");
  return seconds !== null && /^\d+$/.test(seconds) ? Number(seconds) * 1000 : null;
}
