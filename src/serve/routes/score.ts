import type { FastifyReply, FastifyRequest } from "fastify";
import { best, explained } from "../explain.js";
import type { Drawn } from "../explore/policy.js";
import { limitsOf } from "../http/deadline.js";
import { bytesOf, checked, type Endpoint, MODEL, parsed } from "../http/endpoint.js";
import { type Answer, hasLongList, slicedJson } from "../http/sliced-json.js";
import { keyOf } from "../models/models.js";
import type { Label, ServedModel, Wanted } from "../models/served-model.js";
import { withCandidates } from "../requests/columns.js";
import { ScoreAnswer, ScoreBody, ScoreRequestOptions } from "../schemas.js";
import type { Scorer } from "../scorer.js";
import type { Scored } from "../threads/engine.js";
import type { Routes } from "./context.js";

const endpoint: Endpoint = {
  summary: "Click probabilities of the candidates, in their order",
  body: { "application/json": ScoreBody },
  answer: ScoreAnswer,
};

/**
 * `POST /v1/models/{name}:score`, and `POST /v1/score` for the only model: scores of a context's candidates, by the
 * version that the split chooses; `POST /v1/models/{name}/versions/{version}:score` and `…/labels/{label}:score` by the
 * one that is named.
 */
export const scoreRoutes: Routes = (app, context) => {
  const { models, count } = context;
  const route = { onResponse: count, config: { endpoint } };
  const score = async (request: FastifyRequest, reply: FastifyReply, name?: string, wanted: Wanted = {}) => {
    const model = models.model(name);
    request.model = model.called;
    const answered = await answer(model, model.choose({ key: keyOf(request), ...wanted }), request);
    if (!hasLongList(answered)) return answered;
    reply.type("application/json; charset=utf-8");
    return slicedJson(answered);
  };
  app.post("/v1/score", route, (request, reply) => score(request, reply));
  app.post<Named>(`/v1/models/${MODEL}::score`, route, (request, reply) => score(request, reply, request.params.name));
  app.post<Named>(`/v1/models/${MODEL}/versions/:version(\\d+)::score`, route, (request, reply) =>
    score(request, reply, request.params.name, { version: Number(request.params.version) }),
  );
  app.post<Named>(`/v1/models/${MODEL}/labels/:label([^:/]+)::score`, route, (request, reply) =>
    score(request, reply, request.params.name, { label: request.params.label as Label }),
  );

  async function answer(model: ServedModel, scorer: Scorer, request: FastifyRequest): Promise<Answer> {
    const body = withCandidates(bytesOf(request));
    const scored = await scorer.scored(body, limitsOf(request));
    context.scored(request, model, () => body, scored);
    const { scored: last, drawn, more } = await asked(scorer, request, body, scored);
    context.log(request, scorer, () => body, last, drawn);
    const order = drawn && { rank: Array.from(drawn.rank), propensity: Array.from(drawn.propensity) };
    return { ...plain(last), ...order, ...more };
  }

  /** What a request's options ask for besides scores; explaining may score again. */
  async function asked(scorer: Scorer, request: FastifyRequest, body: Uint8Array, first: Scored): Promise<Asked> {
    const drawn = context.explorer?.draw(request.id, first);
    if (!first.options) return { scored: first, drawn, more: {} };
    const drawnOf = (scored: Scored) => (scored === first ? drawn : context.explorer?.draw(request.id, scored));
    const { top_k, explain } = checked(request, parsed(first.options), ScoreRequestOptions, "options");
    const ranked = (scored: Scored) =>
      top_k === undefined ? undefined : best(scored.scores, top_k, drawnOf(scored)?.rank);
    if (!explain) return { scored: first, drawn, more: { top_k: ranked(first) } };
    const chosen = (scored: Scored) => ranked(scored)?.map(({ index }) => index) ?? [...scored.scores.keys()];
    const { scored, explain: explanation } = await explained(scorer, body, first, chosen, limitsOf(request));
    return { scored, drawn: drawnOf(scored), more: { top_k: ranked(scored), explain: explanation } };
  }
};

interface Asked {
  readonly scored: Scored;
  readonly drawn: Drawn | undefined;
  /** Members of the answer. */
  readonly more: object;
}

interface Named {
  readonly Params: { readonly name: string; readonly version: string; readonly label: string };
}

/** An answer with only what was requested. */
function plain({ scores, calibrated, model, ignored }: Scored): Answer {
  const numbers = { scores: Array.from(scores), ...(calibrated && { calibrated: Array.from(calibrated) }) };
  return { ...numbers, ...model, ...(ignored.length > 0 && { ignored }) };
}
