import { HashbrookError } from "../core/errors.js";

const CONNECT_MS = 2_000;
const MOST_RETRY_MS = 2_000;
/** Time from the last write after which a row expires. */
const KEPT_SECONDS = 3_600;
const PORT = 6_379;

/** The part of the interface of a Valkey or Redis server, or a cluster, that is used. */
export interface Valkey {
  /**
   * Values by name; null if there is none.
   * @param names all with the same hash tag
   * @throws Error if there is no answer in time
   */
  get(names: readonly Buffer[]): Promise<readonly (Buffer | null)[]>;
  put(name: Buffer, value: Buffer): Promise<unknown>;
  close(): void;
}

/** Servers and credentials, as given to `--row-cache`. */
export interface ValkeyAddress {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
}

/**
 * Parses `redis://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]`, also with `valkey:`, or `rediss:` or `valkeys:` for TLS.
 * Several hosts are nodes of one cluster. Default port: 6379.
 * @throws HashbrookError usage if it is malformed
 */
export function valkeyAddress(url: string): ValkeyAddress {
  const match = /^(?:redis|valkey)(s?):\/\/(?:([^@/]*)@)?([^@/]+)\/?$/.exec(url);
  const nodes = match?.[3].split(",").map((host) => /^(\[[^\]]+\]|[^:[\]\s]+)(?::(\d+))?$/.exec(host)) ?? [null];
  const known = nodes.flatMap((node) => (node && Number(node[2] ?? PORT) <= 65535 ? [node] : []));
  const user = decoded(match?.[2] ?? "");
  if (!match || !user || known.length < nodes.length)
    throw new HashbrookError("usage", `${shown(url)}: not the address of a Valkey or Redis server`, {
      hint: "use redis://HOST:PORT, or redis://HOST:PORT,HOST:PORT for a cluster",
    });
  const [username, password] = user;
  return {
    nodes: known.map(([, host, port]) => ({ host: host.replace(/^\[|\]$/g, ""), port: Number(port ?? PORT) })),
    tls: match[1] === "s",
    ...(username && { username }),
    ...(password && { password }),
  };
}

/** Splits and percent-decodes USER:PASSWORD; null if the encoding is malformed. */
function decoded(user: string): readonly string[] | null {
  try {
    return user.split(":").map(decodeURIComponent);
  } catch {
    return null;
  }
}

const shown = (url: string): string => url.replace(/\/\/.*@/, "//…@");

/** An error of the library; that of a cluster contains the last node's error. */
interface Failure extends Error {
  readonly lastNodeError?: Error;
}

/** The part of the library's clients that is used. */
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
 * Connects. Waits two seconds at most; after that, connecting is retried in the background.
 * @param answerMs timeout of a command in ms
 * @param note called with a message, including the reason, if there is no connection by then
 * @throws HashbrookError usage if the server requires another user or password; runtime_unavailable if the package
 *   iovalkey cannot be loaded
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
    // Commands that cannot be sent now fail at once, because the disk can be read instead.
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
    throw new HashbrookError("usage", `--row-cache: ${where} refused the login: ${reason}`, {
      hint: "add the server's user and password: redis://USER:PASSWORD@HOST:PORT (redis://:PASSWORD@HOST:PORT for the default user)",
    });
  }
  if (reason !== null)
    note(`--row-cache: cannot connect to ${where} (${reason}): reading rows from disk until it answers`);
  return {
    get: (names) => server.mgetBuffer(...names),
    put: (name, value) => server.set(name, value, "EX", KEPT_SECONDS),
    close: () => server.disconnect(),
  };
}

const retryAfter = (times: number): number => Math.min(MOST_RETRY_MS, 100 * times);

/** Waits for the connection. @returns null if connected; else the reason: a refused login, or the last error in time */
function whyUnconnected(server: Server): Promise<string | null> {
  return new Promise((resolve) => {
    let last = `no answer within ${CONNECT_MS / 1000} s`;
    const timer = setTimeout(() => resolve(last), CONNECT_MS);
    const end = (reason: string | null) => {
      clearTimeout(timer);
      resolve(reason);
    };
    server.once("ready", () => end(null));
    // Errors after the wait have no effect here, because every command reports its own.
    server.on("error", (error) => {
      last = (error.lastNodeError ?? error).message;
      if (isRefused(last)) end(last);
    });
  });
}

/** Whether a server's error message means that it requires another user or password. */
const isRefused = (reason: string): boolean => /^(WRONGPASS|NOAUTH|NOPERM)\b/.test(reason);

/** Loads the library, an optional package. @throws HashbrookError runtime_unavailable if it cannot be loaded */
async function library(): Promise<Library> {
  return import("iovalkey" as string).catch((cause) => {
    throw new HashbrookError(
      "runtime_unavailable",
      "--row-cache requires the package iovalkey, which cannot be loaded",
      {
        hint: "npm install iovalkey",
        cause,
      },
    );
  });
}
