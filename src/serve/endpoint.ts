import type { FastifyRequest } from "fastify";
import { HashbrookError } from "../core/errors.js";
import type { Static, TSchema } from "../schema/typebox.js";
import { SEND_JSON } from "./body.js";

/** What an endpoint is, as `/openapi.json` tells it. */
export interface Endpoint {
  readonly summary: string;
  /** Of the path's and the query's parameters, where their names do not say it. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** The query's parameters. */
  readonly query?: TSchema;
  /** Headers that it reads. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Schemas by content type. */
  readonly body?: Readonly<Record<string, TSchema>>;
  /** Of a 200. Text: the content type of what is no JSON. */
  readonly answer: TSchema | string;
  /** Statuses beside 200 that are no errors of the request, and when they come. */
  readonly others?: Readonly<Record<number, string>>;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the route is to its clients; undefined: it is not told of. */
    endpoint?: Endpoint;
  }
}

const SCHEMA = "GET /openapi.json has the schema";

/** Where a path names a model: a name has no colon, so that `:score` may follow. */
export const MODEL = ":name([^:/]+)";

/** The body's bytes. @throws HashbrookError request_invalid where there is none */
export function bytesOf({ body }: FastifyRequest): Uint8Array {
  if (body instanceof Uint8Array) return body;
  throw new HashbrookError("request_invalid", "body: missing", { hint: SEND_JSON });
}

/**
 * A part of a request that was parsed, when it is what the schema says.
 * @param at what the part is called: "options"
 * @param hint where the schema is told
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

/** What is wrong with a part of a request that is not what its schema says. @param at as above @param hint as above */
export function refused(at: string, [first]: readonly Problem[], hint: string): HashbrookError {
  const place = first.instancePath.replace(/\/(\d+)(?=\/|$)/g, "[$1]").replaceAll("/", ".");
  const more = first.params.additionalProperty ?? first.params.allowedValues;
  const text = `${at}${place}: ${first.message}${more === undefined ? "" : `: ${more}`}`;
  return new HashbrookError("request_invalid", text, { hint });
}

/** What Ajv says. */
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
