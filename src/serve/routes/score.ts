import type { FastifyReply, FastifyRequest } from "fastify";
import { HashbrookError } from "../../core/errors.js";
import { deadlineOf } from "../deadline.js";
import { bytesOf, checked, type Endpoint, MODEL, parsed } from "../endpoint.js";
import { best, explained } from "../explain.js";
import { ScoreAnswer, ScoreBody, ScoreRequestOptions } from "../schemas.js";
import type { Scorer, Scores } from "../scorer.js";
import type { Routes } from "./context.js";

const endpoint: Endpoint = {
  summary: "Click probabilities of a context's candidates, in their order",
  body: { "application/json": ScoreBody },
  answer: ScoreAnswer,
};

/** `POST /v1/models/{name}:score`, and `POST /v1/score` for the only model: scores of a context's candidates. */
export const scoreRoutes: Routes = (app, { models, metrics }) => {
  app.decorateRequest("scored", 0);
  const counts = async (request: FastifyRequest, reply: FastifyReply) =>
    metrics.answered(reply.statusCode, request.scored, reply.elapsedTime / 1000);
  const route = { onResponse: counts, config: { endpoint } };
  app.post("/v1/score", route, (request) => answer(models.choose(), request));
  app.post<{ Params: { name: string } }>(`/v1/models/${MODEL}::score`, route, (request) =>
    answer(models.choose(request.params.name), request),
  );
};

async function answer(scorer: Scorer, request: FastifyRequest): Promise<object> {
  const body = bytesOf(request);
  const scored = await scorer.score(body, { signal: request.signal, deadline: deadlineOf(request) });
  request.scored = scored.scores.length;
  return scored.options ? withOptions(scorer, request, body, scored) : plain(scored);
}

/** An answer without what was not asked for. */
function plain({ scores, calibrated, model, ignored }: Scores): object {
  if (!scores.every(Number.isFinite)) {
    throw new HashbrookError("internal", "scores: the model gave a number that is not finite");
  }
  return { scores, ...(calibrated && { calibrated }), ...model, ...(ignored.length > 0 && { ignored }) };
}

async function withOptions(scorer: Scorer, request: FastifyRequest, body: Uint8Array, first: Scores): Promise<object> {
  const { top_k, explain } = checked(request, parsed(first.options!), ScoreRequestOptions, "options");
  const ranked = (scores: readonly number[]) => (top_k === undefined ? undefined : best(scores, top_k));
  if (!explain) return { ...plain(first), top_k: ranked(first.scores) };
  const chosen = (scores: readonly number[]) =>
    (ranked(scores) ?? scores.map((_, index) => ({ index }))).map(({ index }) => index);
  const { scored, explain: told } = await explained(scorer, body, first, chosen);
  return { ...plain(scored), top_k: ranked(scored.scores), explain: told };
}
