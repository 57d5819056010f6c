import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "../schema/typebox.js";
import { type AppOptions, createApp } from "./http/app.js";
import { checked, MODEL, parsed, refused } from "./http/endpoint.js";
import type { Models } from "./models/models.js";
import { labels } from "./models/served-model.js";
import { strict } from "./schemas.js";
import type { Scorer } from "./scorer.js";

export interface AdminOptions extends AppOptions {
  /** Clients with one of these tokens may change what is served, and read any checkpoint that the server can read. */
  readonly tokens: readonly string[];
  /** Loads a version. */
  readonly load: (checkpoint: string) => Promise<Scorer>;
}

const version = Type.Integer({ minimum: 0 });
const named = Type.Union([version, Type.String({ pattern: "^[0-9]{1,16}@[0-9a-f]{16}$" })]);
const orNone = Type.Optional(Type.Union([named, Type.Null()]));

const LoadBody = strict({
  checkpoint: Type.String({ minLength: 1 }),
  label: Type.Optional(Type.Enum([...labels])),
});
const UnloadBody = strict({ version: named });
const RollbackBody = strict({ version: Type.Optional(named) });
const WatchBody = strict({});
const LabelsBody = Type.Object(
  {
    stable: Type.Optional(named),
    canary: orNone,
    shadow: orNone,
    canary_share: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  },
  { additionalProperties: false, minProperties: 1 },
);

const PATH = `/v1/models/${MODEL}`;
const ENDPOINTS = "GET /v1/models, POST /v1/models/NAME:load, :unload, :labels, :rollback, :watch";

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
 * - `POST /v1/models/NAME:unload {"version"}`: removes a version without a label.
 *
 * A version is a number, or number and spec ("400@eae589de2055a4c8") if several specs have that number. All endpoints
 * return the model's state.
 */
export function createAdminServer(models: Models, options: AdminOptions): FastifyInstance {
  const app = createApp(options, ENDPOINTS);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_: FastifyRequest, body: Buffer) =>
    body.length > 0 ? parsed(body) : undefined,
  );
  app.setSchemaErrorFormatter((problems, at) => refused(at, problems, ENDPOINTS));
  app.get("/v1/models", async () => ({ models: models.all.map((model) => model.state()) }));
  app.post<Named<Static<typeof LoadBody>>>(
    `${PATH}::load`,
    { schema: { body: LoadBody } },
    async ({ params, body }) => {
      const model = models.model(params.name);
      const scorer = await options.load(body.checkpoint);
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
    { schema: { body: UnloadBody } },
    async ({ params, body }) => {
      const model = models.model(params.name);
      await model.remove(body.version).close();
      return model.state();
    },
  );
  app.post<Named<Static<typeof LabelsBody>>>(
    `${PATH}::labels`,
    { schema: { body: LabelsBody } },
    async ({ params, body: { canary_share, ...moved } }) => {
      const model = models.model(params.name);
      model.relabel(moved, canary_share);
      return model.state();
    },
  );
  app.post<Named<Static<typeof RollbackBody> | undefined>>(`${PATH}::rollback`, async (request) => {
    const model = models.model(request.params.name);
    const { version: wanted } = checked(request, request.body ?? {}, RollbackBody, "body", ENDPOINTS);
    await model.rollback(wanted);
    return model.state();
  });
  app.post<Named<unknown>>(`${PATH}::watch`, async (request) => {
    const model = models.model(request.params.name);
    checked(request, request.body ?? {}, WatchBody, "body", ENDPOINTS);
    await model.stable.goOn();
    return model.state();
  });
  return app;
}
