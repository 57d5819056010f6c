import { setTimeout as after } from "node:timers/promises";
import { isPlainHttp, withoutSecrets } from "../core/address.js";
import { HashbrookError } from "../core/errors.js";
import { isObject } from "../core/json.js";
import { networkFailure } from "../core/network-errors.js";
import type { SchemaText } from "../event-schemas/types.js";

/** How to reach a schema registry. Plain data: it can be sent to another thread. */
export interface RegistryOptions {
  /** https://HOST[:PORT][/PATH] */
  readonly url: string;
  /** The value of the Authorization header. Default: none. */
  readonly authorization?: string;
  /** Attempts after a first failed one, 0.2 s later, then twice as long, at most 5 s. Default 6 (about 12 s). */
  readonly retries?: number;
}

const RETRIES = 6;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
const ANSWER_MS = 10_000;
const MOST_REFERENCES = 100;
/** The error_code for "no such schema". Any other 404 may come from something else at a wrong address. */
const NO_SUCH_SCHEMA = 40403;
const ACCEPT = "application/vnd.schemaregistry.v1+json, application/json";

/**
 * Options from a registry's address and the environment: `SCHEMA_REGISTRY_USERNAME` and `SCHEMA_REGISTRY_PASSWORD`, or
 * `SCHEMA_REGISTRY_TOKEN` (bearer).
 * @throws usage when the address is not an http or https URL, or contains credentials
 */
export function registryOptions(
  url: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): RegistryOptions {
  if (!isPlainHttp(url))
    throw new HashbrookError("usage", `${withoutSecrets(url)}: invalid schema registry URL`, {
      hint: "write https://HOST:PORT, and put credentials in SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN",
    });
  const {
    SCHEMA_REGISTRY_USERNAME: user,
    SCHEMA_REGISTRY_PASSWORD: password,
    SCHEMA_REGISTRY_TOKEN: token,
  } = environment;
  const basic = user ? `Basic ${Buffer.from(`${user}:${password ?? ""}`).toString("base64")}` : undefined;
  const authorization = token ? `Bearer ${token}` : basic;
  return { url: url.replace(/\/+$/, ""), ...(authorization && { authorization }) };
}

/**
 * Client of a schema registry: two or three routes that Confluent's, Karapace and Apicurio's compatible API have in
 * common.
 */
export class SchemaRegistry {
  private readonly options: RegistryOptions;

  constructor(options: RegistryOptions) {
    this.options = options;
  }

  /**
   * A schema by its number or GUID.
   * @returns null if the registry has no schema of this id
   * @throws HashbrookError schema_registry_failed when it cannot be reached, denies access, or has no such route
   */
  async schema(id: string): Promise<SchemaText | null> {
    const route = /^\d+$/.test(id) ? `/schemas/ids/${id}` : `/schemas/guids/${id}`;
    const answer = await this.get(route);
    if (answer === null) return null;
    const references: string[] = [];
    await this.follow(answer, references, new Set());
    return { text: textOf(answer, route), references };
  }

  /** Adds the schemas that a schema references, dependencies first. */
  private async follow({ references = [] }: Answer, found: string[], seen: Set<string>): Promise<void> {
    if (!Array.isArray(references)) return;
    for (const reference of references) {
      if (!isObject(reference)) continue;
      const route = `/subjects/${encodeURIComponent(String(reference.subject))}/versions/${Number(reference.version)}`;
      if (seen.has(route) || seen.size >= MOST_REFERENCES) continue;
      seen.add(route);
      const answer = await this.get(route);
      if (answer === null) throw failed(`${this.options.url}${route}: referenced by a schema, but not found`);
      await this.follow(answer, found, seen);
      found.push(textOf(answer, route));
    }
  }

  /** @returns null where there is nothing */
  private async get(route: string): Promise<Answer | null> {
    const { url, retries = RETRIES } = this.options;
    let last: unknown;
    for (let attempt = 0; attempt <= retries; attempt++) {
      if (attempt > 0) await after(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1)));
      try {
        return await this.ask(`${url}${route}`);
      } catch (error) {
        if (error instanceof HashbrookError) throw error;
        last = error;
      }
    }
    const { reason, hint } = networkFailure(last);
    throw failed(`${url}${route}: ${reason}`, last, hint);
  }

  /** @throws HashbrookError for what no retry can fix */
  private async ask(url: string): Promise<Answer | null> {
    const { authorization } = this.options;
    const headers = { accept: ACCEPT, ...(authorization && { authorization }) };
    const response = await fetch(url, { headers, redirect: "follow", signal: AbortSignal.timeout(ANSWER_MS) });
    const text = await response.text();
    if (response.status === 404 && errorCodeOf(text) === NO_SUCH_SCHEMA) return null;
    if (response.status === 404)
      throw failed(
        `${url}: HTTP 404 without a schema registry's error_code ${NO_SUCH_SCHEMA} (schema not found)`,
        undefined,
        "check --schema-registry: /schemas/ids/1 is relative to this URL; for Apicurio it ends in /apis/ccompat/v7",
      );
    if (response.status === 401 || response.status === 403)
      throw failed(
        `${url}: HTTP ${response.status}`,
        undefined,
        "set SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN",
      );
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const answer = JSON.parse(text) as unknown;
    if (!isObject(answer)) throw new Error("the response is not a JSON object");
    return answer;
  }
}

function errorCodeOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { error_code?: unknown } | null)?.error_code;
  } catch {
    return undefined;
  }
}

type Answer = Readonly<Record<string, unknown>>;

function textOf({ schema }: Answer, route: string): string {
  if (typeof schema === "string") return schema;
  throw failed(`${route}: no "schema" in the response`);
}

function failed(message: string, cause?: unknown, hint?: string): HashbrookError {
  return new HashbrookError("schema_registry_failed", message, {
    hint:
      hint ?? "check that the schema registry is up and that --schema-registry is its URL, then continue with --resume",
    cause,
  });
}
