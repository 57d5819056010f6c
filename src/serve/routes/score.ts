import type { FastifyReply, FastifyRequest } from "fastify";
import { HashbrookError } from "../../core/errors.js";
import { SEND_JSON } from "../body.js";
import type { Routes } from "./context.js";

/** `POST /v1/score`: the only model's scores of a context's candidates. */
export const scoreRoutes: Routes = (app, { models, metrics }) => {
  app.decorateRequest("scored", 0);
  const counts = async (request: FastifyRequest, reply: FastifyReply) =>
    metrics.answered(reply.statusCode, request.scored, reply.elapsedTime / 1000);
  app.post("/v1/score", { onResponse: counts }, async (request) => {
    if (!(request.body instanceof Uint8Array)) {
      throw new HashbrookError("request_invalid", "body: missing", { hint: SEND_JSON });
    }
    const { scores, model, ignored } = await models.choose().score(request.body);
    request.scored = scores.length;
    return ignored.length > 0 ? { scores, ...model, ignored } : { scores, ...model };
  });
};
