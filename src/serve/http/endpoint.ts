import type { FastifyRequest } from "fastify";
import { HashbrookError } from "../../core/errors.js";
import type { Static, TSchema } from "../../schema/typebox.js";
import { SEND_JSON } from "../requests/body.js";

/** The description of an endpoint in `/openapi.json`. */
export interface Endpoint {
  readonly summary: string;
  /** Descriptions of path and query parameters whose names are not enough. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** The query's parameters. */
  readonly query?: TSchema;
  /** Headers that it reads. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Schemas by content type. */
  readonly body?: Readonly<Record<string, TSchema>>;
  /** Requests may have no body. Default false. */
  readonly bodyOptional?: boolean;
  /** The answer with status 200. Text: the content type if it is not JSON. */
  readonly answer: TSchema | string;
  /** Statuses besides 200 that are not errors of the request, with their reasons. */
  readonly others?: Readonly<Record<number, string>>;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route's public description; undefined: it is not documented. */
    endpoint?: Endpoint;
  }
}

const SCHEMA = "see the schema in GET /openapi.json";

/** The path parameter of a model: names contain no colon, so that `:score` may follow. */
export const MODEL = ":name([^:/]+)";

/** The body's bytes. @throws HashbrookError request_invalid if there is none */
export function bytesOf({ body }: FastifyRequest): Uint8Array {
  if (body instanceof Uint8Array) return body;
  throw new HashbrookError("request_invalid", "body: missing", { hint: SEND_JSON });
}

/**
 * Validates a parsed part of a request against a schema.
 * @param at the part's name: "options"
 * @param hint where the schema is documented
 * @throws HashbrookError request_invalid naming the place
 */
export function checked<S extends TSchema>(
  request: FastifyRequest,
  value: unknown,
  schema: S,
  at: string,
  hint = SCHEMA,
): Static<S> {
  const validate = request.compileValidationSchema(schema);
  if (validate(value)) return value as Static<S>;
  throw refused(at, (validate.errors ?? []) as readonly Problem[], hint);
}

/** The error for a part of a request that does not match its schema. @param at as above @param hint as above */
export function refused(at: string, [first]: readonly Problem[], hint: string): HashbrookError {
  const place = first.instancePath.replace(/\/(\d+)(?=\/|$)/g, "[$1]").replaceAll("/", ".");
  const more = first.params.additionalProperty ?? first.params.allowedValues;
  const text = `${at}${place}: ${first.message}${more === undefined ? "" : `: ${more}`}`;
  return new HashbrookError("request_invalid", text, { hint });
}

/** A problem reported by Ajv. */
interface Problem {
  readonly instancePath: string;
  readonly message?: string;
  readonly params: { readonly additionalProperty?: string; readonly allowedValues?: readonly string[] };
}

/** A body as JSON. @throws HashbrookError request_invalid */
export function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new HashbrookError("request_invalid", `body: not valid JSON: ${(error as Error).message}`, {
      hint: SEND_JSON,
    });
  }
}
