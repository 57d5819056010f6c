/**
 * An address for kafkajs, which takes everything before the first colon for the host: an IPv6 address has hyphens there
 * until its socket is opened. @param broker "host:port" or "[IPv6]:port"
 */
export function kafkajsAddress(broker: string): string {
  return broker.replace(/^\[.*\]/, (host) => host.replaceAll(":", "-"));
}

/** The host to connect to. @param host from `kafkajsAddress`, or as a broker advertises it */
export function hostToConnect(host: string): string {
  return host.startsWith("[") ? host.slice(1, -1).replaceAll("-", ":") : host;
}
