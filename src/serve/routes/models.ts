import { HashbrookError } from "../../core/errors.js";
import { MODEL } from "../http/endpoint.js";
import { cardOf } from "../models/model-card.js";
import { ModelAnswer, ModelsAnswer } from "../schemas.js";
import type { Routes } from "./context.js";

/** `GET /v1/models`, `GET /v1/models/{name}`: what there is, and what each model reads. */
export const modelRoutes: Routes = (app, { models }) => {
  app.get("/v1/models", { config: { endpoint: { summary: "The served models", answer: ModelsAnswer } } }, async () => ({
    models: models.all.flatMap((model) => {
      const { version } = model.stable;
      return version ? [{ name: model.called, ...version }] : [];
    }),
  }));
  const summary = "A model: its version, its fields and how missing values are treated, its tables";
  app.get<{ Params: { name: string } }>(
    `/v1/models/${MODEL}`,
    { config: { endpoint: { summary, answer: ModelAnswer } } },
    async ({ params }) => {
      const { version, spec } = models.choose(params.name);
      if (!version || !spec) throw new HashbrookError("not_ready", `model ${params.name}: has not been loaded yet`);
      return { ...version, ...cardOf(spec) };
    },
  );
};
