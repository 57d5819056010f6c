import type { FastifyRequest } from "fastify";
import { withCandidates } from "../columns.js";
import { limitsOf } from "../deadline.js";
import { bytesOf, checked, type Endpoint, MODEL, parsed } from "../endpoint.js";
import { best, explained } from "../explain.js";
import { nameOf } from "../models.js";
import { ScoreAnswer, ScoreBody, ScoreRequestOptions } from "../schemas.js";
import { finite } from "../scored.js";
import type { Scorer, Scores } from "../scorer.js";
import type { Routes } from "./context.js";

const endpoint: Endpoint = {
  summary: "Click probabilities of a context's candidates, in their order",
  body: { "application/json": ScoreBody },
  answer: ScoreAnswer,
};

/** `POST /v1/models/{name}:score`, and `POST /v1/score` for the only model: scores of a context's candidates. */
export const scoreRoutes: Routes = (app, { models, count }) => {
  const route = { onResponse: count, config: { endpoint } };
  const score = (request: FastifyRequest, name?: string) => {
    const model = models.model(name);
    request.model = nameOf(model);
    return answer(model.choose(), request);
  };
  app.post("/v1/score", route, (request) => score(request));
  app.post<{ Params: { name: string } }>(`/v1/models/${MODEL}::score`, route, (request) =>
    score(request, request.params.name),
  );
};

async function answer(scorer: Scorer, request: FastifyRequest): Promise<object> {
  const body = withCandidates(bytesOf(request));
  const scored = await scorer.score(body, limitsOf(request));
  request.scored = scored.scores.length;
  return scored.options ? withOptions(scorer, request, body, scored) : plain(scored);
}

/** An answer without what was not asked for. */
function plain(scored: Scores): object {
  const { scores, calibrated, model, ignored } = finite(scored);
  return { scores, ...(calibrated && { calibrated }), ...model, ...(ignored.length > 0 && { ignored }) };
}

async function withOptions(scorer: Scorer, request: FastifyRequest, body: Uint8Array, first: Scores): Promise<object> {
  const { top_k, explain } = checked(request, parsed(first.options!), ScoreRequestOptions, "options");
  const ranked = (scores: readonly number[]) => (top_k === undefined ? undefined : best(scores, top_k));
  if (!explain) return { ...plain(first), top_k: ranked(first.scores) };
  const chosen = (scores: readonly number[]) =>
    (ranked(scores) ?? scores.map((_, index) => ({ index }))).map(({ index }) => index);
  const { scored, explain: told } = await explained(scorer, body, first, chosen, limitsOf(request));
  return { ...plain(scored), top_k: ranked(scored.scores), explain: told };
}
