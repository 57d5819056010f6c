import { InvalidArgumentError } from "commander";

/** Parses a whole number; underscores may group digits (1_000_000). */
export function wholeNumber(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (!Number.isSafeInteger(value) || value < 0 || text.trim() === "")
    throw new InvalidArgumentError("must be a whole number.");
  return value;
}

export function port(text: string): number {
  const value = wholeNumber(text);
  if (value > 65535) throw new InvalidArgumentError("must be 0 to 65535.");
  return value;
}

/** Parses a share of a whole: "20%" or 0.2. */
export function share(text: string): number {
  const percent = text.trim().endsWith("%");
  const value = Number(percent ? text.trim().slice(0, -1) : text) / (percent ? 100 : 1);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError("must be a share between 0 and 1, as 20% or 0.2.");
  return value;
}

/** Parses a number above 0; underscores may group digits. */
export function positive(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("must be a number above 0.");
  return value;
}

/** What the environment says about reaching Kafka, for the help of every command that does. */
export const KAFKA_ENVIRONMENT = `Environment: KAFKA_SSL=true (or KAFKA_SSL_CA, KAFKA_SSL_CERT, KAFKA_SSL_KEY, PEM files) for TLS; KAFKA_USERNAME,
KAFKA_PASSWORD and KAFKA_SASL_MECHANISM (plain, scram-sha-256, scram-sha-512) to log in.`;

/** Parses a number of 0 or more; underscores may group digits. */
export function notNegative(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (!(value >= 0 && Number.isFinite(value)) || text.trim() === "")
    throw new InvalidArgumentError("must be a number of 0 or more.");
  return value;
}
