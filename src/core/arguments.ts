import { HashbrookError } from "./errors.js";
import { nearest } from "./nearest.js";

/** What an argument may be: in words, and how it is recognised. */
interface Kind {
  readonly text: string;
  readonly fits: (value: unknown) => boolean;
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
/** Node refuses paths with a null character by an error of its own. */
const isPath = (value: unknown): value is string => isText(value) && !value.includes("\0");
const isPaths = (value: unknown) => Array.isArray(value) && value.every(isPath);
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
const has = <Name extends string>(value: unknown, ...names: readonly Name[]): value is Record<Name, unknown> =>
  typeof value === "object" && value !== null && names.every((name) => name in value);

const kinds = {
  path: { text: "a path", fits: isPath },
  text: { text: "a text", fits: (value) => typeof value === "string" },
  patterns: { text: "a path or pattern, or an array of them", fits: (value) => isPath(value) || isPaths(value) },
  texts: { text: "an array of texts", fits: isTexts },
  number: { text: "a number", fits: (value) => typeof value === "number" },
  integer: { text: "a whole number", fits: Number.isSafeInteger },
  duration: { text: "a number of at least 0", fits: (value) => typeof value === "number" && value >= 0 },
  share: { text: "a number from 0 to 1", fits: (value) => typeof value === "number" && value >= 0 && value <= 1 },
  count: { text: "a whole number of at least 1", fits: (value) => Number.isSafeInteger(value) && Number(value) >= 1 },
  whole: { text: "a whole number of at least 0", fits: (value) => Number.isSafeInteger(value) && Number(value) >= 0 },
  boolean: { text: "true or false", fits: (value) => typeof value === "boolean" },
  signal: { text: "an AbortSignal", fits: (value) => has(value, "aborted", "addEventListener") },
  port: { text: "a MessagePort", fits: (value) => has(value, "postMessage") },
  function: { text: "a function", fits: (value) => typeof value === "function" },
  bytes: { text: "UTF-8 bytes, such as Buffer.from(json)", fits: (value) => value instanceof Uint8Array },
  address: { text: "an address: http://HOST:PORT", fits: (value) => isText(value) || value instanceof URL },
  model: {
    text: "a path, an address (a URL) or the bytes of a model's file",
    fits: (value) =>
      isPath(value) || value instanceof URL || value instanceof Uint8Array || value instanceof ArrayBuffer,
  },
  spec: {
    text: "the path of a model spec (features/*.yaml), or what loadSpec returned",
    fits: (value) => isPath(value) || has(value, "fields", "tables"),
  },
  compiled: { text: "a spec that loadSpec returned", fits: (value) => has(value, "fields", "tables") },
  files: {
    text: 'a path, a pattern or "simulate:ROWS", or an array of them',
    fits: (value) => isPath(value) || isPaths(value),
  },
  dims: { text: "{ FIELD_OR_TABLE: COMPONENTS }", fits: (value) => has(value) },
  split: { text: "{ impressions, clicks, window }", fits: (value) => has(value, "window") },
  topic: { text: "{ kafka, topic, group, start, stop, onLost }", fits: (value) => has(value, "kafka", "topic") },
  letters: { text: "{ kafka, topic }, or null", fits: (value) => value === null || has(value, "kafka", "topic") },
  unused: {
    text: "{ topic: { kafka, topic } or null }, or null",
    fits: (value) => value === null || has(value, "topic"),
  },
  publish: { text: "{ urls: [ADDRESS, …] }", fits: (value) => has(value, "urls") && isTexts(value.urls) },
  vectors: {
    text: "an array of { table, path }",
    fits: (value) => Array.isArray(value) && value.every((one) => has(one, "table", "path")),
  },
  kafka: { text: '{ brokers: ["HOST:PORT"] }', fits: (value) => has(value, "brokers") },
  list: { text: "an array", fits: Array.isArray },
  store: { text: "what openStore returned", fits: (value) => has(value, "read", "write") },
  reader: { text: "what openReader or openStore returned", fits: (value) => has(value, "read") },
  log: { text: "what openFollow returned", fits: (value) => has(value, "follow") },
  scorer: { text: "a Scorer or Models", fits: (value) => has(value, "score") || has(value, "scorers") },
} satisfies Record<string, Kind>;

type KindName = keyof typeof kinds;

/** How a function that takes long is followed and stopped. */
export const following = { onProgress: "?function", signal: "?signal" } as const;

/**
 * Refuses what a caller without type checks may pass by mistake to a function of the library.
 * @param called the function's name
 * @param given its arguments by name: an object of options, or one made of positional arguments
 * @param takes what each argument must be; after a `?`, it may be left out; a list: one of these texts, if it is given
 * @throws HashbrookError usage, naming the argument and what it takes
 */
export function checkArguments(
  called: string,
  given: unknown,
  takes: Readonly<Record<string, KindName | `?${KindName}` | readonly string[]>>,
) {
  if (!has(given)) throw refused(`${called}: must be given an object with ${Object.keys(takes).join(", ")}`, given);
  for (const [name, kind] of Object.entries(takes)) {
    const value = (given as Readonly<Record<string, unknown>>)[name];
    const optional = typeof kind !== "string" || kind.startsWith("?");
    if (optional && value === undefined) continue;
    const { text, fits }: Kind = typeof kind === "string" ? kinds[kind.replace("?", "") as KindName] : oneOf(kind);
    if (value === undefined) throw new HashbrookError("usage", `${called}: ${name} is missing: it must be ${text}`);
    if (!fits(value)) throw refused(`${called}: ${name} must be ${text}`, value);
  }
}

/**
 * Refuses a misspelt option, which would have no effect. Other unknown ones are ignored: one object may serve several functions, as the
 * flags of a command do (`publishMs` is no misspelt `publish`).
 * @param known the names of all options
 * @throws HashbrookError usage
 */
export function refuseMisspelt(called: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    const meant = known.includes(name) ? undefined : nearest(name, known);
    if (meant && Math.abs(meant.length - name.length) <= 1)
      throw new HashbrookError("usage", `${called}: ${name}: no such option`, { hint: `did you mean "${meant}"?` });
  }
}

const oneOf = (choices: readonly unknown[]): Kind => ({
  text: `one of ${choices.join(", ")}`,
  fits: (value) => choices.includes(value),
});

/** A value as the message of an error shows it: as text, of an object only its type. */
export const plain = (value: unknown): string => (typeof value === "string" ? value : shown(value));

const refused = (text: string, value: unknown) => new HashbrookError("usage", `${text}, not ${shown(value)}`);

/** A short text of any value: of an object only its type, which may have secrets or be large. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (!Array.isArray(value)) return "an object";
  return value.length === 0 ? "an empty array" : `an array of ${shown(value[0])}${value.length > 1 ? ", …" : ""}`;
}
