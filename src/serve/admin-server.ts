import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "../schema/typebox.js";
import { adminEndpoints, LabelsBody, LoadBody, RollbackBody, UnloadBody, WatchBody } from "./admin-schemas.js";
import { type AppOptions, createApp } from "./http/app.js";
import { documentRoutes } from "./http/documented.js";
import { checked, MODEL, parsed, refused } from "./http/endpoint.js";
import type { Models } from "./models/models.js";
import type { Scorer } from "./scorer.js";

export interface AdminOptions extends AppOptions {
  /** Clients with one of these tokens may change what is served, and read any checkpoint that the server can read. */
  readonly tokens: readonly string[];
  /** Loads a version. */
  readonly load: (checkpoint: string) => Promise<Scorer>;
}

const PATH = `/v1/models/${MODEL}`;
const ENDPOINTS =
  "GET /v1/models, POST /v1/models/NAME:load, :unload, :labels, :rollback, :watch; GET /openapi.json has their schemas";
const DESCRIPTION = "Controls which models a server serves.";

interface Named<Body> {
  readonly Params: { readonly name: string };
  readonly Body: Body;
}

/**
 * Model control, on a separate address:
 * - `GET /v1/models`: every model's versions and labels;
 * - `POST /v1/models/NAME:load {"checkpoint": DIR, "label"?}`: loads a version beside the others, and then assigns the
 *   label to it;
 * - `POST /v1/models/NAME:labels {"stable"?, "canary"?, "shadow"?, "canary_share"?}`: moves labels between loaded
 *   versions, atomically;
 * - `POST /v1/models/NAME:rollback {"version"?}`: `stable` returns to its previous version, or to the given one; a
 *   watched run returns to the previous checkpoint, or to the given one, and stays there;
 * - `POST /v1/models/NAME:watch`: a watched run that was rolled back serves its newest checkpoint again, and newer ones
 *   as they appear;
 * - `POST /v1/models/NAME:unload {"version"}`: removes a version without a label;
 * - `GET /openapi.json`, `GET /docs`: these endpoints, with their schemas.
 *
 * A version is a number, or number and spec ("400@eae589de2055a4c8") if several specs have that number. All but the last
 * return the model's state.
 */
export function createAdminServer(models: Models, options: AdminOptions): FastifyInstance {
  const app = createApp(options, ENDPOINTS);
  documentRoutes(app, { description: DESCRIPTION, secured: true })(app);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_: FastifyRequest, body: Buffer) =>
    body.length > 0 ? parsed(body) : undefined,
  );
  app.setSchemaErrorFormatter((problems, at) => refused(at, problems, ENDPOINTS));
  app.get("/v1/models", { config: { endpoint: adminEndpoints.models } }, async () => ({
    models: models.all.map((model) => model.state()),
  }));
  versionRoutes(app, models, options.load);
  labelRoute(app, models);
  watchRoutes(app, models);
  return app;
}

/** Versions are loaded and removed. */
function versionRoutes(app: FastifyInstance, models: Models, loaded: AdminOptions["load"]): void {
  const { load, unload } = adminEndpoints;
  app.post<Named<Static<typeof LoadBody>>>(
    `${PATH}::load`,
    { config: { endpoint: load }, schema: { body: LoadBody } },
    async ({ params, body }) => {
      const model = models.model(params.name);
      const scorer = await loaded(body.checkpoint);
      try {
        await model.add({ scorer, source: body.checkpoint }, body.label)?.close();
      } catch (error) {
        await scorer.close();
        throw error;
      }
      return model.state();
    },
  );
  app.post<Named<Static<typeof UnloadBody>>>(
    `${PATH}::unload`,
    { config: { endpoint: unload }, schema: { body: UnloadBody } },
    async ({ params, body }) => {
      const model = models.model(params.name);
      await model.remove(body.version).close();
      return model.state();
    },
  );
}

function labelRoute(app: FastifyInstance, models: Models): void {
  app.post<Named<Static<typeof LabelsBody>>>(
    `${PATH}::labels`,
    { config: { endpoint: adminEndpoints.labels }, schema: { body: LabelsBody } },
    async ({ params, body: { canary_share, ...moved } }) => {
      const model = models.model(params.name);
      model.relabel(moved, canary_share);
      return model.state();
    },
  );
}

/** A watched run goes back, and on again. These requests may have no body, which Fastify's schemas would refuse. */
function watchRoutes(app: FastifyInstance, models: Models): void {
  const { rollback, watch } = adminEndpoints;
  app.post<Named<Static<typeof RollbackBody> | undefined>>(
    `${PATH}::rollback`,
    { config: { endpoint: rollback } },
    async (request) => {
      const model = models.model(request.params.name);
      const { version: wanted } = checked(request, request.body ?? {}, RollbackBody, "body", ENDPOINTS);
      await model.rollback(wanted);
      return model.state();
    },
  );
  app.post<Named<unknown>>(`${PATH}::watch`, { config: { endpoint: watch } }, async (request) => {
    const model = models.model(request.params.name);
    checked(request, request.body ?? {}, WatchBody, "body", ENDPOINTS);
    await model.stable.goOn();
    return model.state();
  });
}
