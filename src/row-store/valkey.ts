import { HashbrookError } from "../core/errors.js";

const CONNECT_MS = 2_000;
const MOST_RETRY_MS = 2_000;
/** Rows that nobody has asked for or written anew for so long are gone. */
const KEPT_SECONDS = 3_600;
const PORT = 6_379;

/** A server that keeps bytes by name for a while, or a cluster of them: as much of it as rows need. */
export interface Valkey {
  /** Its values, null where there is none. Names of one call have one hash tag. @throws Error where there is no answer in time */
  get(names: readonly Buffer[]): Promise<readonly (Buffer | null)[]>;
  put(name: Buffer, value: Buffer): Promise<unknown>;
  close(): void;
}

/** Where servers are, as `--row-cache` says it. */
export interface ValkeyAddress {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
}

/**
 * `redis://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]`, also `valkey:`, and `rediss:` or `valkeys:` for TLS. Several hosts are of a cluster.
 * @throws HashbrookError usage
 */
export function valkeyAddress(url: string): ValkeyAddress {
  const match = /^(?:redis|valkey)(s?):\/\/(?:([^@/]*)@)?([^@/]+)\/?$/.exec(url);
  const nodes = match?.[3].split(",").map((host) => /^(\[[^\]]+\]|[^:[\]\s]+)(?::(\d+))?$/.exec(host)) ?? [null];
  const known = nodes.flatMap((node) => (node && Number(node[2] ?? PORT) <= 65535 ? [node] : []));
  const user = decoded(match?.[2] ?? "");
  if (!match || !user || known.length < nodes.length)
    throw new HashbrookError("usage", `${shown(url)}: not the address of a Valkey or Redis server`, {
      hint: "redis://HOST:PORT, or redis://HOST:PORT,HOST:PORT for a cluster",
    });
  const [username, password] = user;
  return {
    nodes: known.map(([, host, port]) => ({ host: host.replace(/^\[|\]$/g, ""), port: Number(port ?? PORT) })),
    tls: match[1] === "s",
    ...(username && { username }),
    ...(password && { password }),
  };
}

/** USER:PASSWORD, in which a URL writes some characters as %XX; null where it does not. */
function decoded(user: string): readonly string[] | null {
  try {
    return user.split(":").map(decodeURIComponent);
  } catch {
    return null;
  }
}

const shown = (url: string): string => url.replace(/\/\/.*@/, "//…@");

/** Of a cluster the last node's stands in it. */
interface Failure extends Error {
  readonly lastNodeError?: Error;
}

/** The library's, as far as it is used. */
interface Server {
  on(event: "error", told: (error: Failure) => void): void;
  once(event: "ready", told: () => void): void;
  mgetBuffer(...names: Buffer[]): Promise<(Buffer | null)[]>;
  set(name: Buffer, value: Buffer, unit: "EX", seconds: number): Promise<unknown>;
  disconnect(): void;
}

interface Library {
  readonly Redis: new (options: object) => Server;
  readonly Cluster: new (nodes: readonly object[], options: object) => Server;
}

/**
 * Connects, which it waits two seconds for at most, and goes on trying behind that.
 * @param answerMs how long an answer is waited for
 * @param note is told where there is no connection by then, and why
 * @throws HashbrookError usage where the server wants another user or password; runtime_unavailable
 */
export async function openValkey(
  { nodes, tls, ...user }: ValkeyAddress,
  answerMs: number,
  note: (text: string) => void,
): Promise<Valkey> {
  const { Redis, Cluster } = await library();
  const options = {
    ...user,
    ...(tls && { tls: {} }),
    connectTimeout: CONNECT_MS,
    commandTimeout: answerMs,
    // What cannot be sent now is read from the disk instead.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: retryAfter,
  };
  const redisOptions = { ...options, retryStrategy: undefined };
  const cluster = { redisOptions, enableOfflineQueue: false, clusterRetryStrategy: retryAfter };
  const server = nodes.length === 1 ? new Redis({ ...nodes[0], ...options }) : new Cluster([...nodes], cluster);
  const where = nodes.map(({ host, port }) => `${host}:${port}`).join(",");
  const reason = await whyUnconnected(server);
  if (reason !== null && isRefused(reason)) {
    server.disconnect();
    throw new HashbrookError("usage", `--row-cache: ${where} lets nobody in so: ${reason}`, {
      hint: "give the server's user and password: redis://USER:PASSWORD@HOST:PORT (redis://:PASSWORD@HOST:PORT for the default user)",
    });
  }
  if (reason !== null)
    note(`--row-cache: no answer from ${where} (${reason}): rows come from the disk until there is one`);
  return {
    get: (names) => server.mgetBuffer(...names),
    put: (name, value) => server.set(name, value, "EX", KEPT_SECONDS),
    close: () => server.disconnect(),
  };
}

const retryAfter = (times: number): number => Math.min(MOST_RETRY_MS, 100 * times);

/** null once it is connected; else what went wrong in the time for that. A refusal is not tried again. */
function whyUnconnected(server: Server): Promise<string | null> {
  return new Promise((resolve) => {
    let last = `nothing in ${CONNECT_MS / 1000} s`;
    const timer = setTimeout(() => resolve(last), CONNECT_MS);
    const end = (reason: string | null) => {
      clearTimeout(timer);
      resolve(reason);
    };
    server.once("ready", () => end(null));
    // Behind that each command tells.
    server.on("error", (error) => {
      last = (error.lastNodeError ?? error).message;
      if (isRefused(last)) end(last);
    });
  });
}

/** As servers say it. */
const isRefused = (reason: string): boolean => /^(WRONGPASS|NOAUTH|NOPERM)\b/.test(reason);

/** The library, which is there where it was asked for. */
async function library(): Promise<Library> {
  return import("iovalkey" as string).catch((cause) => {
    throw new HashbrookError("runtime_unavailable", "--row-cache needs the package iovalkey, which cannot be loaded", {
      hint: "npm install iovalkey",
      cause,
    });
  });
}
