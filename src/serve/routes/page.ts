import { readFileSync } from "node:fs";
import helmet from "@fastify/helmet";
import { builtFile } from "../../core/built-file.js";
import { plotFile } from "../../core/plot-file.js";
import { Type } from "../../schema/typebox.js";
import type { Endpoint } from "../http/endpoint.js";
import { liveModels } from "../live/models.js";
import type { Routes } from "./context.js";

const endpoint: Endpoint = {
  summary: "Data of the live page: the models, the requests of the last ten minutes, quality during training",
  answer: Type.Unsafe<object>({ type: "object" }),
};

/** Only resources of the server itself, and no script or style within the page. */
const policy = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      "default-src": ["'self'"],
      "img-src": ["data:"],
      "frame-ancestors": ["'none'"],
      "form-action": ["'none'"],
    },
  },
  // It would make browsers ask for HTTPS, which there may not be.
  strictTransportSecurity: false,
};

/** The files of the page; uPlot draws it. */
function files(): readonly (readonly [path: string, type: string, text: Buffer | string])[] {
  const page = (name: string) => readFileSync(builtFile(`serve/page/${name}`));
  return [
    ["/", "text/html", page("index.html")],
    ["/live/page.css", "text/css", page("page.css")],
    ["/live/page.js", "text/javascript", page("page.js")],
    ["/live/uplot.css", "text/css", plotFile("uPlot.min.css")],
    ["/live/uplot.js", "text/javascript", plotFile("uPlot.iife.min.js")],
  ];
}

/**
 * `GET /`: a dashboard of the models and the last minutes' requests; `GET /v1/live`: its data. The page itself needs no
 * token.
 */
export const pageRoutes: Routes = (app, { models, metrics }) => {
  app.get("/v1/live", { config: { endpoint } }, async () => ({
    models: await liveModels(models),
    traffic: metrics.traffic.traffic(),
  }));
  app.register(async (pages) => {
    await pages.register(helmet, policy);
    for (const [path, type, text] of files()) {
      pages.get(path, { config: { open: true } }, async (_, reply) => reply.type(`${type}; charset=utf-8`).send(text));
    }
  });
};
