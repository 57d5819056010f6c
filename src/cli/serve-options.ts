import { type Command, InvalidArgumentError, Option } from "commander";
import { HashbrookError } from "../core/errors.js";
import { parseBytes } from "../schema/units.js";
import { Explorer } from "../serve/explore/policy.js";
import { Certificate } from "../serve/http/certificate.js";
import { checkedTokens, readTokens } from "../serve/http/token.js";
import type { ServerOptions } from "../serve/server.js";
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
import { warn } from "./warn.js";

/** A source of model versions, and the name under which it is served. */
export interface Named {
  /** undefined: the name in the model's spec. */
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
  keepAliveMs?: number;
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

/** The values of `--log`: requests as JSON lines, impressions into a log. */
export interface LogFlag {
  readonly requests: boolean;
  readonly to?: string;
}

/**
 * Default of `--max-staleness`, in seconds. A running trainer sends something every ten seconds, and a restarted one is
 * back within this time.
 */
export const MAX_STALENESS = 300;
const MAX_QUEUE = 256;
const MAX_CONNECTIONS = 4096;
/** The server's own default: longer than the minute of most load balancers. */
const KEEP_ALIVE_MS = 65_000;

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

/** Flags for what is served. */
export function modelOptions(command: Command): Command {
  return command
    .option(
      "--checkpoint <[name=]dir>",
      "a run's directory (its newest checkpoint) or one checkpoint; for several models, give names: --checkpoint ads=DIR --checkpoint feed=DIR",
      named(directory),
    )
    .option(
      "--follow <[name=]log>",
      "a trainer's delta log: a directory, kafka://HOST:PORT[,HOST:PORT…]/TOPIC, https://HOST/PATH, objects:DIR or s3://BUCKET/PREFIX; for several models, give names",
      named(followedLog),
    )
    .option("--watch", "with --checkpoint: serve a run's newer checkpoints as they appear")
    .option("--dims <list>", `with --checkpoint: ${DIMS}`, dims)
    .option(
      "--row-store <dir>",
      "keep the tables' rows in a database in this directory, on a local disk, instead of in memory; needs npm install lmdb",
      notEmpty,
    )
    .option(
      "--row-cache <url>",
      "with --row-store: look up rows in a Valkey or Redis server before the disk, and store missing rows in it: redis://HOST:PORT, or several of a cluster; needs npm install iovalkey",
      rowCache,
    )
    .option(
      "--cache-bytes <size>",
      "with --row-store: memory for recently used rows, such as 8GiB (default: 1GiB)",
      size,
    )
    .option("--name <name>", "name of the model, if there is only one (default: the name in its spec)")
    .option(
      "--max-staleness <seconds>",
      `with --follow: not ready after this time without a new entry; 0 = never (default: ${MAX_STALENESS})`,
      notNegative,
    )
    .addOption(
      new Option("--precision <p>", "hold only rows' weights, in this precision; scores differ by rounding").choices([
        ...servingPrecisions,
      ]),
    );
}

/** Flags for the address to listen on, and for access. */
export function serverOptions(command: Command): Command {
  return command
    .option(
      "--workers <n>",
      "scoring threads, shared by all models; 0: score on the main thread (default: cores - 1)",
      workers,
    )
    .option("--port <n>", "port to listen on; 0 picks a free one", port, 8080)
    .option(
      "--host <address>",
      "address to listen on; a token is required if other machines can reach it",
      host,
      "127.0.0.1",
    )
    .option("--admin-port <n>", "port of the admin endpoints, on the same address; requires its own token", port)
    .option("--admin-token-file <file>", "tokens of the admin endpoints, one per line (or HASHBROOK_ADMIN_TOKEN)")
    .option("--token-file <file>", "answer only requests with one of these tokens, one per line (or HASHBROOK_TOKEN)")
    .option("--tls-cert <file>", "certificate (PEM), for HTTPS; read again when it is renewed")
    .option("--tls-key <file>", "its private key (PEM)")
    .option("--insecure", "allow other machines to connect without a token")
    .option(
      "--max-queue <n>",
      "maximum number of waiting requests; more are refused with 503 and Retry-After",
      counting,
      MAX_QUEUE,
    )
    .option(
      "--max-connections <n>",
      "maximum number of open connections; more are closed at once",
      counting,
      MAX_CONNECTIONS,
    )
    .option(
      "--keep-alive-ms <ms>",
      "milliseconds after which a connection without a request is closed, to be longer than a load balancer keeps it; 0 = never",
      milliseconds,
      KEEP_ALIVE_MS,
    )
    .option(
      "--rate-limit <n>",
      "requests per second that a client (by token, else by address) may send; more get 429",
      positive,
    )
    .option(
      "--drain-ms <ms>",
      "after SIGTERM, milliseconds of reporting not ready before connections are closed",
      milliseconds,
      1000,
    )
    .addOption(
      new Option(
        "--log [to]",
        "without a value: log every request as a JSON line; with a directory or kafka://HOST:PORT/TOPIC: write scored candidates to it as events",
      )
        .preset(true)
        .argParser(logTo),
    )
    .option(
      "--log-share <share>",
      "share of requests whose candidates are written, chosen by request id (default: 0.1)",
      wholeShare,
    )
    .option(
      "--explore <policy>",
      "randomise the order of candidates: epsilon-greedy:E, softmax:T or thompson; responses include rank and propensity",
      exploring,
    );
}

/** Adds one of the two uses; each is a separate flag. */
function logTo(text: string | true, before: LogFlag = { requests: false }): LogFlag {
  if (text === true) return { ...before, requests: true };
  return { ...before, to: eventLog(text) };
}

function exploring(text: string): Explorer {
  return made(text, Explorer.of);
}

const LOOPBACK = /^(127(\.\d+){3}|::1|localhost)$/i;

/**
 * Options for listening.
 * @throws HashbrookError usage if the server would be open to others without a token, or a file cannot be read or is
 *   not a certificate or key
 */
export function listenOptions(flags: ProtectionFlags): ServerOptions & { readonly tls?: Certificate } {
  const { tlsCert, tlsKey, maxQueue, maxConnections, keepAliveMs, rateLimit } = flags;
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
  const tls = tlsCert !== undefined && {
    tls: Certificate.read({ cert: tlsCert, key: tlsKey! }, { tell: warn }),
  };
  return { maxQueue, maxConnections, timeouts: { idle: keepAliveMs }, rateLimit, tokens, ...tls };
}

/** The tokens from a file, or else from the environment; undefined if there are none. */
export function tokensOf(file: string | undefined, variable: string): string[] | undefined {
  if (file !== undefined) return readTokens(file);
  const value = process.env[variable];
  return value ? checkedTokens(value, variable) : undefined;
}
