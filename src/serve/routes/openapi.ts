import { Type } from "../../schema/typebox.js";
import { openApi } from "../http/openapi.js";
import { pageOf } from "../http/openapi-page.js";
import { packageVersion } from "../package-version.js";
import type { Routes } from "./context.js";

const anything = Type.Unsafe<object>({ type: "object" });

/**
 * `GET /openapi.json`: every endpoint, from the schemas that requests are checked by; `GET /docs`: the same for people.
 */
export const openApiRoutes: Routes = (app, { documented }) => {
  const document = () => openApi(documented, packageVersion());
  const asJson = { summary: "All endpoints, as OpenAPI 3.1", answer: anything };
  const asPage = { summary: "All endpoints, as a page", answer: "text/html" };
  app.get("/openapi.json", { config: { endpoint: asJson } }, async () => document());
  app.get("/docs", { config: { endpoint: asPage } }, async (_, reply) =>
    reply.type("text/html; charset=utf-8").send(pageOf(document())),
  );
};
