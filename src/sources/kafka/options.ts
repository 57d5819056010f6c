import { withoutSecrets } from "../../core/address.js";
import { HashbrookError } from "../../core/errors.js";

export const saslMechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const;
/** How to log in to brokers. */
export type SaslMechanism = (typeof saslMechanisms)[number];

/** How to reach a Kafka cluster. Plain data: it can be sent to another thread. */
export interface KafkaOptions {
  /** "host:port" of one or more brokers of the cluster. */
  readonly brokers: readonly string[];
  /** Name in the brokers' logs and quotas. Default "hashbrook". */
  readonly clientId?: string;
  /** TLS: true with the system's authorities, or paths of PEM files. Default: none. */
  readonly ssl?: boolean | { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Login mechanism and credentials. Default: none. */
  readonly sasl?: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string };
  /**
   * Retries of a failed attempt: the first after 0.1 s, each next one after twice the time, at most 2 s. Default 5
   * (about 3 s).
   */
  readonly retries?: number;
  /** Timeout of establishing a TCP (and TLS) connection, in ms. Default 3000. */
  readonly connectionTimeoutMs?: number;
  /** Timeout of a request, in ms. Default 30,000. */
  readonly requestTimeoutMs?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Options from a list of brokers, "host:port,host:port" (optionally after `kafka://`), and the environment:
 *
 * - `KAFKA_SSL=true` uses TLS; `KAFKA_SSL_CA`, `KAFKA_SSL_CERT`, `KAFKA_SSL_KEY` name PEM files (and imply TLS);
 * - `KAFKA_USERNAME`, `KAFKA_PASSWORD` are the credentials; `KAFKA_SASL_MECHANISM` is plain (default), scram-sha-256 or
 *   scram-sha-512.
 *
 * @throws usage when a broker has no port or a login, or credentials are incomplete
 */
export function kafkaOptions(brokers: string, environment: Environment = process.env): KafkaOptions {
  refuseLogin(brokers);
  const list = brokers
    .replace(/^kafka:\/\//, "")
    .split(",")
    .map((broker) => broker.trim())
    .filter((broker) => broker !== "");
  const wrong = list.find((broker) => !isAddress(broker));
  if (wrong !== undefined || list.length === 0) {
    throw new HashbrookError("usage", `${wrong ?? "--kafka"}: invalid broker address`, {
      hint: "write brokers as host:port (1 to 65535), separated by commas: kafka1:9092,kafka2:9092",
    });
  }
  const ssl = sslOf(environment);
  const sasl = saslOf(environment);
  return { brokers: list, ...(ssl && { ssl }), ...(sasl && { sasl }) };
}

/** host:port, or [IPv6]:port, with a port of 1 to 65535. */
function isAddress(broker: string): boolean {
  const [, port] = /^(?:[^\s:/]+|\[[0-9a-f:]+\]):(\d{1,5})$/i.exec(broker) ?? [];
  return Number(port) >= 1 && Number(port) <= 65535;
}

/** Addresses end up in logs and reports, so they must not hold a login. */
function refuseLogin(address: string): void {
  if (!address.includes("@")) return;
  throw new HashbrookError("usage", `${withoutSecrets(address)}: an address must not have a user or password`, {
    hint: "set KAFKA_USERNAME and KAFKA_PASSWORD instead",
  });
}

/** Parses `kafka://host:port[,host:port]/topic`. @throws usage */
export function kafkaUrl(url: string, environment: Environment = process.env): { kafka: KafkaOptions; topic: string } {
  refuseLogin(url);
  const match = /^kafka:\/\/([^/]+)\/([^/]+)$/.exec(url);
  if (!match) {
    throw new HashbrookError("usage", `${url}: invalid topic address`, {
      hint: "write kafka://HOST:PORT/TOPIC, for example kafka://localhost:9092/deltas",
    });
  }
  return { kafka: kafkaOptions(match[1], environment), topic: match[2] };
}

function sslOf(environment: Environment): KafkaOptions["ssl"] {
  const { KAFKA_SSL: on, KAFKA_SSL_CA: ca, KAFKA_SSL_CERT: cert, KAFKA_SSL_KEY: key } = environment;
  if (ca || cert || key) return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  return on !== undefined && !["", "0", "false", "no"].includes(on.toLowerCase());
}

function saslOf(environment: Environment): KafkaOptions["sasl"] {
  const { KAFKA_USERNAME: username, KAFKA_PASSWORD: password, KAFKA_SASL_MECHANISM: given } = environment;
  if (!username && !password && !given) return undefined;
  const name = (given || "plain").toLowerCase();
  const mechanism = saslMechanisms.find((known) => known === name);
  if (!mechanism) {
    throw new HashbrookError("usage", `KAFKA_SASL_MECHANISM: unknown mechanism ${name}`, {
      hint: `use one of ${saslMechanisms.join(", ")}`,
    });
  }
  if (!username || !password) {
    throw new HashbrookError("usage", "Kafka login requires both KAFKA_USERNAME and KAFKA_PASSWORD", {
      hint: "set both, or unset both and KAFKA_SASL_MECHANISM",
    });
  }
  return { mechanism, username, password };
}
