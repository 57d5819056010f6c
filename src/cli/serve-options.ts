import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { type Command, InvalidArgumentError, Option } from "commander";
import { HashbrookError } from "../core/errors.js";
import { parseBytes } from "../schema/units.js";
import { Explorer } from "../serve/explore/policy.js";
import type { ServerOptions } from "../serve/server.js";
import { checkedTokens, readTokens } from "../serve/token.js";
import { type ServingPrecision, servingPrecisions } from "../tables/table.js";
import {
  counting,
  DIMS,
  dims,
  eventLog,
  followedLog,
  host,
  made,
  milliseconds,
  notEmpty,
  notNegative,
  port,
  positive,
  rowCache,
  wholeShare,
  workers,
} from "./options.js";

/** A source of versions, and the name it is served by. */
export interface Named {
  /** undefined: as the model's spec says. */
  readonly name: string | undefined;
  readonly source: string;
}

/** How a server is protected from its clients. */
export interface ProtectionFlags {
  tokenFile?: string;
  tlsCert?: string;
  tlsKey?: string;
  insecure?: true;
  maxQueue?: number;
  maxConnections?: number;
  rateLimit?: number;
  host: string;
}

export interface ServeFlags extends ProtectionFlags {
  checkpoint?: Named[];
  follow?: Named[];
  name?: string;
  maxStaleness?: number;
  precision?: ServingPrecision;
  dims?: Record<string, number>;
  workers?: number;
  watch?: true;
  rowStore?: string;
  rowCache?: string;
  cacheBytes?: number;
  port: number;
  adminPort?: number;
  adminTokenFile?: string;
  drainMs?: number;
  log?: LogFlag;
  logShare?: number;
  explore?: Explorer;
}

/** What `--log` asks for: requests as JSON lines, and impressions into a log. */
export interface LogFlag {
  readonly requests: boolean;
  readonly to?: string;
}

/** A trainer that lives sends something every ten seconds; one that is restarted is back long before. */
export const MAX_STALENESS = 300;
const MAX_QUEUE = 256;
const MAX_CONNECTIONS = 4096;

/** `NAME=SOURCE`, or a source alone; a name is letters, digits and . _ -. */
function named(parse: (text: string) => string): (text: string, before?: Named[]) => Named[] {
  return (text, before = []) => {
    const [, name, source = text] = /^([\w.-]+)=(.+)$/s.exec(text) ?? [];
    return [...before, { name, source: parse(source) }];
  };
}

function directory(text: string): string {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError("It must be a run's directory, or NAME=DIRECTORY.");
}

function size(text: string): number {
  const bytes = parseBytes(text.trim());
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new InvalidArgumentError("It must be a size, such as 500MB or 8GiB.");
}

/** What is served. */
export function modelOptions(command: Command): Command {
  return command
    .option(
      "--checkpoint <[name=]dir>",
      "a run's directory (its newest checkpoint) or one checkpoint; several, named: --checkpoint ads=DIR --checkpoint feed=DIR",
      named(directory),
    )
    .option(
      "--follow <[name=]log>",
      "a trainer's delta log: a directory, kafka://HOST:PORT[,HOST:PORT…]/TOPIC, https://HOST/PATH, objects:DIR or s3://BUCKET/PREFIX; several, named",
      named(followedLog),
    )
    .option("--watch", "with --checkpoint: serve a run's newer checkpoints as they come")
    .option("--dims <list>", `with --checkpoint: ${DIMS}`, dims)
    .option(
      "--row-store <dir>",
      "keep the tables' rows in a database there, on a local disk, instead of in memory; needs npm install lmdb",
      notEmpty,
    )
    .option(
      "--row-cache <url>",
      "with --row-store: ask a Valkey or Redis server for rows before the disk, and tell it those that it lacks: redis://HOST:PORT, or several of a cluster; needs npm install iovalkey",
      rowCache,
    )
    .option(
      "--cache-bytes <size>",
      "with --row-store: memory for the rows asked for lately, say 8GiB (default: 1GiB)",
      size,
    )
    .option("--name <name>", "what the only model is called (default: as its spec says)")
    .option(
      "--max-staleness <seconds>",
      `with --follow: not ready once nothing came for so long; 0 = never (default: ${MAX_STALENESS})`,
      notNegative,
    )
    .addOption(
      new Option("--precision <p>", "hold the rows' weights alone, so; scores then differ by their rounding").choices([
        ...servingPrecisions,
      ]),
    );
}

/** Where it listens, and whom it answers. */
export function serverOptions(command: Command): Command {
  return command
    .option(
      "--workers <n>",
      "threads that score, for all models together; 0: none beside HTTP's (default: cores - 1)",
      workers,
    )
    .option("--port <n>", "port to listen on; 0 picks a free one", port, 8080)
    .option("--host <address>", "address to listen on; beyond this machine a token is needed", host, "127.0.0.1")
    .option("--admin-port <n>", "port of the admin endpoints, on the same address; needs its own token", port)
    .option("--admin-token-file <file>", "their tokens, one a line (or HASHBROOK_ADMIN_TOKEN)")
    .option("--token-file <file>", "answer only who sends one of these tokens, one a line (or HASHBROOK_TOKEN)")
    .option("--tls-cert <file>", "certificate (PEM), for HTTPS")
    .option("--tls-key <file>", "its private key (PEM)")
    .option("--insecure", "listen beyond this machine without a token")
    .option("--max-queue <n>", "requests that may wait; more are refused with 503 and Retry-After", counting, MAX_QUEUE)
    .option("--max-connections <n>", "open connections; more are closed at once", counting, MAX_CONNECTIONS)
    .option(
      "--rate-limit <n>",
      "requests a second a client (its token, else its address) may send; more get 429",
      positive,
    )
    .option("--drain-ms <ms>", "after SIGTERM, not ready for so long before connections close", milliseconds, 1000)
    .addOption(
      new Option(
        "--log [to]",
        "alone: log every request as a JSON line; a directory or kafka://HOST:PORT/TOPIC: write scored candidates as events there",
      )
        .preset(true)
        .argParser(logTo),
    )
    .option("--log-share <share>", "share of the requests that are written so, by their ids (default: 0.1)", wholeShare)
    .option(
      "--explore <policy>",
      "draw the order of candidates by chance: epsilon-greedy:E, softmax:T or thompson; answers tell rank and propensity",
      exploring,
    );
}

/** Both uses may be asked for, each by a flag of its own. */
function logTo(text: string | true, before: LogFlag = { requests: false }): LogFlag {
  if (text === true) return { ...before, requests: true };
  return { ...before, to: eventLog(text) };
}

function exploring(text: string): Explorer {
  return made(text, Explorer.of);
}

const LOOPBACK = /^(127(\.\d+){3}|::1|localhost)$/i;

/**
 * How a server is to listen.
 * @throws HashbrookError usage where it would be open to others without a token, or a file cannot be read, or is no certificate or key
 */
export function listenOptions(flags: ProtectionFlags): ServerOptions {
  const { tlsCert, tlsKey, maxQueue, maxConnections, rateLimit } = flags;
  const tokens = tokensOf(flags.tokenFile, "HASHBROOK_TOKEN");
  if (!tokens && !flags.insecure && !LOOPBACK.test(flags.host)) {
    throw new HashbrookError(
      "usage",
      `--host ${flags.host}: others could reach this server, and it asks for no token`,
      {
        hint: "give --token-file (or HASHBROOK_TOKEN), or --insecure where the network is trusted",
      },
    );
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new HashbrookError("usage", "--tls-cert, --tls-key: each needs the other");
  }
  const tls = tlsCert !== undefined && { tls: certified(tlsCert, tlsKey!) };
  return { maxQueue, maxConnections, rateLimit, tokens, ...tls };
}

/** The tokens of a file, or else of the environment; undefined where there is neither. */
export function tokensOf(file: string | undefined, variable: string): string[] | undefined {
  if (file !== undefined) return readTokens(file);
  const value = process.env[variable];
  return value ? checkedTokens(value, variable) : undefined;
}

function certified(certFile: string, keyFile: string): { cert: Buffer; key: Buffer } {
  const tls = { cert: pem(certFile, "--tls-cert"), key: pem(keyFile, "--tls-key") };
  try {
    createSecureContext(tls);
    return tls;
  } catch (cause) {
    throw new HashbrookError("usage", `--tls-cert ${certFile}, --tls-key ${keyFile}: ${(cause as Error).message}`, {
      hint: "a certificate and its own private key, without a passphrase, both as PEM texts",
      cause,
    });
  }
}

function pem(file: string, flag: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new HashbrookError("usage", `${flag} ${file}: cannot be read: ${(cause as Error).message}`, { cause });
  }
}
