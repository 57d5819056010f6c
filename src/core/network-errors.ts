/** What a request that got no response failed of, and what can be done. */
export interface NetworkFailure {
  /** The system's reason, with its code where the text does not say it. */
  readonly reason: string;
  /** undefined: nothing is known about this failure. */
  readonly hint: string | undefined;
}

const UNKNOWN_ISSUER =
  "this machine does not know who signed the server's certificate: name the issuer's certificate (a PEM file) in NODE_EXTRA_CA_CERTS";

/** By the codes of Node, of its fetch and of OpenSSL, or by the whole text where there is no code. */
const kinds: readonly (readonly [sign: RegExp, hint: string])[] = [
  [/^(UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT)|(DEPTH_ZERO_)?SELF_SIGNED_CERT)/, UNKNOWN_ISSUER],
  [/^CERT_HAS_EXPIRED$/, "the server's certificate must be renewed, or this machine's clock is ahead"],
  [/^CERT_NOT_YET_VALID$/, "the server's certificate is not valid yet, or this machine's clock is behind"],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "the server's certificate is for other hosts: use a name that it has, or add this one to it",
  ],
  [/^(ERR_SSL_|EPROTO$)/, "no TLS connection came about: is it http:// or another port that the server speaks?"],
  [
    /^(HPE_|UND_ERR_SOCKET$|ECONNRESET$|Response does not match the HTTP)/,
    "the server closes the connection or speaks no HTTP: is it https://?",
  ],
  [
    /^bad port$/,
    "fetch uses no port that other protocols are known for (the Fetch standard lists them): use another one",
  ],
  [/^ENOTFOUND$/, "there is no host of this name: check the address"],
  [/^EAI_AGAIN$/, "the name server does not answer: try again, and check this machine's network"],
  [/^ECONNREFUSED$/, "nothing listens there: is the server running, and is the address's port right?"],
  [
    /^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/,
    "this machine does not reach the address: check its network, and firewalls between",
  ],
];

/** An error, its causes, and those of an error that stands for several. */
function causesOf(error: unknown): (Error & { readonly code?: string })[] {
  if (!(error instanceof Error)) return [];
  const several = error instanceof AggregateError ? error.errors.slice(0, 1) : [];
  return [error, ...[error.cause, ...several].flatMap(causesOf)];
}

/** Whether a connection was lost while a request or its response was under way, so that the same request may succeed. */
export const isCut = (error: unknown): boolean =>
  causesOf(error).some(
    ({ code, message }) => message === "terminated" || /^(UND_ERR_SOCKET|ECONNRESET|EPIPE)$/.test(code ?? ""),
  );

/** Why a request got no response, from what `fetch` has thrown. */
export function networkFailure(error: unknown): NetworkFailure {
  const causes = causesOf(error);
  const codes = causes.flatMap(({ code }) => (typeof code === "string" ? [code] : []));
  const texts = new Set(causes.map(({ message }) => message).filter((text) => text !== ""));
  const found = kinds.find(([sign]) => [...codes, ...texts].some((text) => sign.test(text)));
  const text = [...texts].join(": ") || String(error);
  const unsaid = codes.findLast((code) => !text.includes(code));
  return { reason: unsaid === undefined ? text : `${text} (${unsaid})`, hint: found?.[1] };
}
