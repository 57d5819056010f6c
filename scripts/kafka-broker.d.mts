export interface BrokerOptions {
  /** Port of the client listener. Default: a free one, with `keep` the previous one. */
  port?: number;
  /** Data and log. Default: hashbrook-kafka in the temporary folder. */
  dir?: string;
  /** Keeps the data in `dir`. Default false: they are deleted. */
  keep?: boolean;
  /** Also listens with SASL_PLAINTEXT. Default false. */
  sasl?: boolean;
  /** Also listens with SASL_SSL, with its own certificate. Default false. */
  tls?: boolean;
  /** How long an empty group waits for further members (group.initial.rebalance.delay.ms). Default 0; Kafka's is 3000. */
  rebalanceDelayMs?: number;
  /** Optimizes its code, for benches. Default false: it starts with less work. */
  optimized?: boolean;
  /** Address at which clients without a login reach it. Default 127.0.0.1. */
  host?: string;
}
export interface BrokerFacts {
  /** "HOST:PORT" */
  brokers: string;
  saslBrokers: string | null;
  tlsBrokers: string | null;
  /** Path of the certificate (PEM) that clients of `tlsBrokers` must trust. */
  ca: string | null;
  pid: number;
  dir: string;
  host: string;
  port: number;
  ports: number[];
}
export const KAFKA_VERSION: string;
export const USERS: Record<string, string>;
export function whyUnavailable(): Promise<string | null>;
export function fetchKafka(): Promise<string>;
export function startBroker(options?: BrokerOptions): Promise<BrokerFacts>;
export function stopBroker(broker: { pid: number }): Promise<void>;
export function killBroker(broker: { pid: number }): Promise<void>;
export function freePorts(count: number): Promise<number[]>;
export function brokerState(dir: string): BrokerFacts | null;
export function isAlive(pid: number): boolean;
