import { isIP } from "node:net";
import { type Command, InvalidArgumentError } from "commander";
import { HashbrookError } from "../core/errors.js";
import { deltaLogs } from "../delta-log/defaults.js";
import { isStore, openReader, openStore } from "../object-store/open-store.js";
import { valkeyAddress } from "../row-store/valkey.js";
import { parseSeconds } from "../schema/units.js";
import { registryOptions } from "../schema-registry/registry.js";
import { kafkaOptions, kafkaUrl } from "../sources/kafka/options.js";
import type { TableVectors } from "../warm-start/start-vectors.js";

/** Maximum value of a waiting time, in ms: a day. */
const MOST_MS = 86_400_000;

/** Parses a whole number; underscores may group digits (1_000_000). */
export function wholeNumber(text: string): number {
  return within(text, 0, Number.MAX_SAFE_INTEGER, "a whole number of 0 or more");
}

/** Parses a whole number of at least 1. */
export function counting(text: string): number {
  return within(text, 1, Number.MAX_SAFE_INTEGER, "a whole number of at least 1");
}

/** Number of scoring threads. */
export function workers(text: string): number {
  return within(text, 0, 256, "a whole number of 0 to 256");
}

export function threads(text: string): number {
  return within(text, 1, 1024, "a whole number of 1 to 1024");
}

export function seed(text: string): number {
  return within(text, 0, 0xffffffff, "a whole number of 0 to 4294967295");
}

export function port(text: string): number {
  return within(text, 0, 65535, "a port, 0 to 65535");
}

export function milliseconds(text: string): number {
  return within(text, 0, MOST_MS, `milliseconds, 0 to ${MOST_MS} (a day)`);
}

function within(text: string, least: number, most: number, what: string): number {
  const value = /^\d[\d_]*(e\d+)?$/i.test(text) ? Number(text.replaceAll("_", "")) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`It must be ${what}.`);
}

/** An address to listen on. */
export function host(text: string): string {
  if (isIP(text) || /^[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*$/i.test(text)) return text;
  throw new InvalidArgumentError("It must be a host name or address, such as 127.0.0.1, 0.0.0.0 or localhost.");
}

/** Kafka brokers. */
export function brokers(text: string): string {
  return asked(text, (brokers) => kafkaOptions(brokers, {}));
}

/** A schema registry's address. */
export function registry(text: string): string {
  return asked(text, (url) => registryOptions(url, {}).url);
}

/** The address of a row cache. */
export function rowCache(text: string): string {
  return asked(text, (url) => valkeyAddress(url));
}

/** A Kafka topic. */
export function topicName(text: string): string {
  if (/^[\w.-]{1,249}$/.test(text) && text !== "." && text !== "..") return text;
  throw new InvalidArgumentError("It must be a topic name: 1 to 249 of the letters a-z, A-Z, digits and . _ -.");
}

/** A delta log to write: a directory, a topic's address or a store's. */
export function deltaLog(text: string): string {
  return isStore(text) ? asked(text, (url) => openStore(url)) : topicOrDirectory(text, `a delta log: ${deltaLogs}`);
}

/** A delta log to follow; also one served by a web server. */
export function followedLog(text: string): string {
  return /^https?:/i.test(text) ? asked(text, (url) => openReader(url)) : deltaLog(text);
}

/** A log of impressions: a directory, or a topic's address. */
export function eventLog(text: string): string {
  return topicOrDirectory(text, "a log of impressions: a directory, or kafka://HOST:PORT/TOPIC");
}

function topicOrDirectory(text: string, what: string): string {
  if (text.startsWith("kafka://")) return asked(text, (url) => topicName(kafkaUrl(url, {}).topic));
  if (!text.includes("://")) return notEmpty(text);
  throw new InvalidArgumentError(`It must be ${what}.`);
}

/** A store of objects to write to. */
export function writableStore(text: string): string {
  return asked(text, (url) => openStore(url));
}

/** A store of objects to read from. */
export function readableStore(text: string): string {
  return asked(text, (url) => openReader(url));
}

/** The text, after checking it. */
function asked(text: string, check: (text: string) => unknown): string {
  made(text, check);
  return text;
}

/** Converts a text; errors become errors of the flag. */
export function made<T>(text: string, make: (text: string) => T): T {
  try {
    return make(text);
  } catch (error) {
    if (!(error instanceof HashbrookError)) throw error;
    throw new InvalidArgumentError(`${error.message}: ${error.hint}.`);
  }
}

/** Any non-empty text. */
export function notEmpty(text: string): string {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError("It must not be empty.");
}

/** A parser of a flag that takes several values. */
export function each<T>(parse: (text: string) => T): (text: string, before?: T[]) => T[] {
  return (text, before) => [...(before ?? []), parse(text)];
}

/** Makes all flags and arguments of a command without a parser of their own reject the empty text. */
export function checked(command: Command): Command {
  const options = command.options.filter(({ required, optional, parseArg }) => (required || optional) && !parseArg);
  for (const option of [...options, ...command.registeredArguments]) {
    if (option.parseArg) continue;
    const parse: (text: string, before: unknown) => unknown = option.variadic
      ? (text, before) => each(notEmpty)(text, before as string[] | undefined)
      : notEmpty;
    option.argParser(parse);
  }
  return command;
}

/** Parses names separated by commas. */
export function names(text: string, before: readonly string[] = []): string[] {
  const given = text.split(",").map((name) => name.trim());
  if (given.every((name) => name !== "")) return [...before, ...given];
  throw new InvalidArgumentError("It must be names, separated by commas.");
}

/** Parses a table's name and the folder of its vectors; adds them to earlier ones. */
export function tableVectors(text: string, before: readonly TableVectors[] = []): TableVectors[] {
  const [, table, path] = /^([A-Za-z_][\w-]*)=(.+)$/.exec(text) ?? [];
  if (table !== undefined) return [...before, { table, path }];
  throw new InvalidArgumentError("It must be a table's name and a folder or a Parquet file: items=runs/vectors.");
}

/** Parses a share of a whole, less than all of it: "20%" or 0.2. */
export function share(text: string): number {
  const value = parsedShare(text);
  if (!(value > 0 && value < 1))
    throw new InvalidArgumentError("It must be a share between 0 and 1, such as 20% or 0.2.");
  return value;
}

/** Parses a share of a whole, from nothing to all of it. */
export function wholeShare(text: string): number {
  const value = parsedShare(text);
  if (!(value >= 0 && value <= 1))
    throw new InvalidArgumentError("It must be a share from 0 to 1, such as 10% or 0.1.");
  return value;
}

function parsedShare(text: string): number {
  const [, digits, percent] = /^(\d*\.?\d+)(%?)$/.exec(text.trim()) ?? [];
  return digits === undefined ? Number.NaN : Number(digits) / (percent ? 100 : 1);
}

/** Parses a number above 0; underscores may group digits. */
export function positive(text: string): number {
  const value = numberOf(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

/** The environment variables for reaching Kafka, for the help of every command that uses it. */
export const KAFKA_ENVIRONMENT = `Environment: KAFKA_SSL=true (or KAFKA_SSL_CA, KAFKA_SSL_CERT, KAFKA_SSL_KEY, PEM files) for TLS; KAFKA_USERNAME,
KAFKA_PASSWORD and KAFKA_SASL_MECHANISM (plain, scram-sha-256, scram-sha-512) to authenticate.`;

/** Parses a time, in seconds: 90, "15m", "1d". */
export function duration(text: string): number {
  const seconds = parseSeconds(text);
  if (seconds === undefined) throw new InvalidArgumentError("It must be a duration above 0: 90, 30s, 15m, 2h, 1d.");
  return seconds;
}

/** Parses a number; underscores may group digits. */
export function number(text: string): number {
  const value = numberOf(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}

/** Parses a number of 0 or more; underscores may group digits. */
export function notNegative(text: string): number {
  const value = numberOf(text);
  if (!(value >= 0 && Number.isFinite(value))) throw new InvalidArgumentError("It must be a number of 0 or more.");
  return value;
}

function numberOf(text: string): number {
  return /^[+-]?\d[\d_]*(\.\d*)?(e[+-]?\d+)?$|^[+-]?\.\d+(e[+-]?\d+)?$/i.test(text)
    ? Number(text.replaceAll("_", ""))
    : Number.NaN;
}

/**
 * Reports a mistyped flag, with the one that was probably meant, before the flag that is then missing, which commander
 * would report.
 * @throws CommanderError
 */
export function refuseUnknownFlags(command: Command, args: readonly string[]): void {
  const known = new Map(command.options.map((option) => [option.long, option]));
  for (let i = 0; i < args.length && args[i] !== "--"; i++) {
    const [flag, value] = args[i].split("=", 2);
    if (!/^--./.test(flag) || flag === "--help") continue;
    const option = known.get(flag);
    if (!option) (command as Command & { unknownOption(flag: string): never }).unknownOption(args[i]);
    else if (option.required && value === undefined) i++;
  }
}

/** Parses components by field or table: "user=8,article=16" or "all=8"; a number alone is `all`. */
export function dims(text: string, before: Record<string, number> = {}): Record<string, number> {
  const parts = text.split(",").map((part) => /^(?:([A-Za-z_][\w.-]*)=)?(\d+)$/.exec(part.trim()));
  if (parts.some((part) => part === null || Number(part[2]) < 1))
    throw new InvalidArgumentError("It must be components by field or table, such as user=8,article=16 or all=8.");
  return { ...before, ...Object.fromEntries(parts.map((part) => [part![1] ?? "all", Number(part![2])])) };
}

/** The help text of `--dims`, for every command that has it. */
export const DIMS =
  "truncate nested vectors to prefixes: components by field or table, user=8,article=16, or all=8 (default: full vectors)";
