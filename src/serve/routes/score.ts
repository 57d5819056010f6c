import type { FastifyRequest } from "fastify";
import { withCandidates } from "../columns.js";
import { limitsOf } from "../deadline.js";
import { bytesOf, checked, type Endpoint, MODEL, parsed } from "../endpoint.js";
import type { Scored } from "../engine.js";
import { best, explained } from "../explain.js";
import { keyOf, nameOf } from "../models.js";
import { ScoreAnswer, ScoreBody, ScoreRequestOptions } from "../schemas.js";
import type { Scorer } from "../scorer.js";
import type { Label, ServedModel, Wanted } from "../served-model.js";
import type { Routes } from "./context.js";

const endpoint: Endpoint = {
  summary: "Click probabilities of a context's candidates, in their order",
  body: { "application/json": ScoreBody },
  answer: ScoreAnswer,
};

/**
 * `POST /v1/models/{name}:score`, and `POST /v1/score` for the only model: scores of a context's candidates, by the version that
 * the split chooses; `POST /v1/models/{name}/versions/{version}:score` and `…/labels/{label}:score` by the one that is named.
 */
export const scoreRoutes: Routes = (app, context) => {
  const { models, count } = context;
  const route = { onResponse: count, config: { endpoint } };
  const score = (request: FastifyRequest, name?: string, wanted: Wanted = {}) => {
    const model = models.model(name);
    request.model = nameOf(model);
    return answer(model, model.choose({ key: keyOf(request), ...wanted }), request);
  };
  app.post("/v1/score", route, (request) => score(request));
  app.post<Named>(`/v1/models/${MODEL}::score`, route, (request) => score(request, request.params.name));
  app.post<Named>(`/v1/models/${MODEL}/versions/:version(\\d+)::score`, route, (request) =>
    score(request, request.params.name, { version: Number(request.params.version) }),
  );
  app.post<Named>(`/v1/models/${MODEL}/labels/:label([^:/]+)::score`, route, (request) =>
    score(request, request.params.name, { label: request.params.label as Label }),
  );

  async function answer(model: ServedModel, scorer: Scorer, request: FastifyRequest): Promise<object> {
    const body = withCandidates(bytesOf(request));
    const scored = await scorer.scored(body, limitsOf(request));
    context.scored(request, model, body, scored);
    return scored.options ? withOptions(scorer, request, body, scored) : plain(scored);
  }
};

interface Named {
  readonly Params: { readonly name: string; readonly version: string; readonly label: string };
}

/** An answer without what was not asked for. */
function plain({ scores, calibrated, model, ignored }: Scored): object {
  const numbers = { scores: Array.from(scores), ...(calibrated && { calibrated: Array.from(calibrated) }) };
  return { ...numbers, ...model, ...(ignored.length > 0 && { ignored }) };
}

async function withOptions(scorer: Scorer, request: FastifyRequest, body: Uint8Array, first: Scored): Promise<object> {
  const { top_k, explain } = checked(request, parsed(first.options!), ScoreRequestOptions, "options");
  const ranked = (scores: Float32Array) => (top_k === undefined ? undefined : best(scores, top_k));
  if (!explain) return { ...plain(first), top_k: ranked(first.scores) };
  const chosen = (scores: Float32Array) => ranked(scores)?.map(({ index }) => index) ?? [...scores.keys()];
  const { scored, explain: told } = await explained(scorer, body, first, chosen, limitsOf(request));
  return { ...plain(scored), top_k: ranked(scored.scores), explain: told };
}
