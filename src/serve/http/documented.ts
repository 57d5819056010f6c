import type { FastifyInstance } from "fastify";
import { Type } from "../../schema/typebox.js";
import { packageVersion } from "../package-version.js";
import { type DocumentedRoute, openApi } from "./openapi.js";
import { pageOf } from "./openapi-page.js";

const anything = Type.Unsafe<object>({ type: "object" });
const asJson = { summary: "All endpoints, as OpenAPI 3.1", answer: anything };
const asPage = { summary: "All endpoints, as a page", answer: "text/html" };

/** What a server's document says about all its endpoints. */
export interface DocumentOptions {
  readonly description: string;
  /** Requests need a bearer token, except to open routes. */
  readonly secured: boolean;
}

/** Adds a route. */
type Add = (app: FastifyInstance) => void;

/**
 * Collects the endpoints that are added to a server from now on.
 * @returns adds `GET /openapi.json`: every endpoint, from the schemas that requests are checked by; and `GET /docs`:
 * the same for people
 */
export function documentRoutes(app: FastifyInstance, options: DocumentOptions): Add {
  const routes: DocumentedRoute[] = [];
  app.addHook("onRoute", ({ url, method, config }) => {
    for (const one of [method].flat())
      if (config?.endpoint && one !== "HEAD")
        routes.push({ method: one, url, endpoint: config.endpoint, open: config.open === true });
  });
  const document = () => openApi(routes, { ...options, version: packageVersion() });
  return (server) => {
    server.get("/openapi.json", { config: { endpoint: asJson } }, async () => document());
    server.get("/docs", { config: { endpoint: asPage } }, async (_, reply) =>
      reply.type("text/html; charset=utf-8").send(pageOf(document())),
    );
  };
}
