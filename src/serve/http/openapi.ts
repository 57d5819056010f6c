import type { TSchema } from "../../schema/typebox.js";
import { ErrorAnswer } from "../schemas.js";
import type { Endpoint } from "./endpoint.js";

/** A documented route. */
export interface DocumentedRoute {
  readonly method: string;
  /** In fastify's notation. */
  readonly url: string;
  readonly endpoint: Endpoint;
  /** It needs no token. */
  readonly open: boolean;
}

/** What a document says about all routes. */
export interface DocumentFacts {
  /** Of the package. */
  readonly version: string;
  readonly description: string;
  /** Requests need a bearer token, except to open routes. */
  readonly secured: boolean;
}

const bearer = { type: "http", scheme: "bearer", description: "One of the tokens that the server was started with." };

/** The OpenAPI 3.1 document of a server's endpoints. */
export function openApi(routes: readonly DocumentedRoute[], { version, description, secured }: DocumentFacts): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { method, url, endpoint, open } of routes) {
    const path = pathOf(url);
    const described = { ...operation(url, method, endpoint), ...(secured && open && { security: [] }) };
    paths[path] = { ...paths[path], [method.toLowerCase()]: described };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Hashbrook", version, description },
    ...(secured && { security: [{ bearer: [] }] }),
    paths,
    components: { schemas: { Error: ErrorAnswer }, ...(secured && { securitySchemes: { bearer } }) },
  };
}

/** `/v1/models/:name([^:/]+)::score` is `/v1/models/{name}:score`. */
function pathOf(url: string): string {
  return url.replace(/(?<!:):(\w+)(\([^)]*\))?/g, "{$1}").replaceAll("::", ":");
}

function operation(url: string, method: string, { summary, body, answer, others = {}, ...parts }: Endpoint): object {
  const answers = Object.entries(others).map(([status, description]) => [
    status,
    { description, ...json(errorOr(answer)) },
  ]);
  return {
    summary,
    operationId: `${method.toLowerCase()}${pathOf(url).replace(/\W+/g, "_").replace(/_$/, "")}`,
    parameters: [...inPath(url, parts.parameters), ...inQuery(parts.query), ...inHeaders(parts.headers)],
    ...(body && { requestBody: { required: !parts.bodyOptional, content: contentOf(body) } }),
    responses: {
      200: { description: "OK", ...(typeof answer === "string" ? { content: { [answer]: {} } } : json(answer)) },
      ...Object.fromEntries(answers),
      default: { description: "An error", ...json({ $ref: "#/components/schemas/Error" }) },
    },
  };
}

const errorOr = (answer: TSchema | string) => (typeof answer === "string" ? {} : answer);
const json = (schema: object) => ({ content: { "application/json": { schema } } });

function contentOf(body: Readonly<Record<string, TSchema>>): object {
  return Object.fromEntries(Object.entries(body).map(([type, schema]) => [type, { schema }]));
}

function inPath(url: string, descriptions: Endpoint["parameters"] = {}): object[] {
  return [...url.matchAll(/(?<!:):(\w+)/g)].map(([, name]) => {
    const description = descriptions[name] ?? (name === "name" ? "The model's name." : undefined);
    return { name, in: "path", required: true, schema: { type: "string", minLength: 1 }, description };
  });
}

function inQuery(query: Endpoint["query"]): object[] {
  const { properties = {}, required = [] } = (query ?? {}) as {
    properties?: Record<string, TSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function inHeaders(headers: Endpoint["headers"] = {}): object[] {
  return Object.entries(headers).map(([name, description]) => ({
    name,
    in: "header",
    schema: { type: "string" },
    description,
  }));
}
