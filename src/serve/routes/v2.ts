import type { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { HashbrookError } from "../../core/errors.js";
import { Type } from "../../schema/typebox.js";
import { limitsOf } from "../http/deadline.js";
import { bytesOf, type Endpoint } from "../http/endpoint.js";
import { keyOf } from "../models/models.js";
import type { ServedModel } from "../models/served-model.js";
import { packageVersion } from "../package-version.js";
import { readBody } from "../requests/body.js";
import type { Scorer } from "../scorer.js";
import type { Scored } from "../threads/engine.js";
import { answerOf } from "../v2/infer-answer.js";
import { readInfer } from "../v2/infer-request.js";
import { metadataOf, statisticsOf } from "../v2/metadata.js";
import { InferAnswer, InferBody, ModelMetadata, ServerMetadata, Statistics } from "../v2/schemas.js";
import type { RouteContext, Routes } from "./context.js";

interface Path {
  Params: { name: string; version?: string };
}

const server: Endpoint = { summary: "Open Inference Protocol: metadata of the server", answer: ServerMetadata };
const model: Endpoint = { summary: "Open Inference Protocol: metadata of a model", answer: ModelMetadata };
const ready: Endpoint = {
  summary: "Open Inference Protocol: whether a model is ready",
  answer: Type.Object({ name: Type.String(), ready: Type.Boolean() }),
  others: { 503: "Not ready" },
};
const stats: Endpoint = { summary: "Open Inference Protocol: statistics of inference", answer: Statistics };
const infer: Endpoint = {
  summary: "Open Inference Protocol: inference, a score per row",
  headers: { "Inference-Header-Content-Length": "Bytes of the JSON; binary tensors follow." },
  body: {
    "application/json": InferBody,
    "application/octet-stream": Type.Unsafe<string>({ type: "string", format: "binary" }),
  },
  answer: InferAnswer,
};

/** The Open Inference Protocol, version 2, with its binary tensors and statistics. */
export const v2Routes: Routes = (app, context) => {
  const { models, counts, bodyLimit } = context;
  const extensions = ["binary_tensor_data", "statistics"];
  app.get("/v2", { config: { endpoint: server } }, async () => ({
    name: "hashbrook",
    version: packageVersion(),
    extensions,
  }));
  app.get("/v2/models/stats", { config: { endpoint: stats } }, async () =>
    statisticsOf(
      models.all.map((one) => ({ name: one.called, scorer: one.stable })),
      counts,
    ),
  );
  for (const path of ["/v2/models/:name", "/v2/models/:name/versions/:version"]) {
    app.get<Path>(path, { config: { endpoint: model } }, async ({ params }) => {
      const { name, scorer } = chosen(context, params);
      return metadataOf(name, scorer, params.version === undefined ? models.model(name).scorers : [scorer]);
    });
    app.get<Path>(`${path}/stats`, { config: { endpoint: stats } }, async ({ params }) =>
      statisticsOf([chosen(context, params)], counts),
    );
    app.get<Path>(`${path}/ready`, { config: { endpoint: ready } }, async ({ params }, reply) => {
      const isReady = chosen(context, params).scorer.health().ready;
      return reply.code(isReady ? 200 : 503).send({ name: params.name, ready: isReady });
    });
  }
  // Clients of the protocol send any content type, or none.
  app.register(async (scope) => {
    scope.addContentTypeParser("*", (request: FastifyRequest, payload: Readable) =>
      readBody(request, payload, bodyLimit),
    );
    for (const path of ["/v2/models/:name/infer", "/v2/models/:name/versions/:version/infer"]) {
      scope.post<Path>(path, { onResponse: context.count, config: { endpoint: infer } }, (request, reply) =>
        answer(context, request, reply),
      );
    }
  });
};

/** @throws HashbrookError model_unknown */
function chosen(
  { models }: RouteContext,
  { name, version }: Path["Params"],
  key?: string,
): { name: string; model: ServedModel; scorer: Scorer } {
  const model = models.model(name);
  const scorer = model.choose(version === undefined ? { key } : { version });
  return { name: model.called, model, scorer };
}

/** Errors of binary tensors are found by reading them as JSON, which may also find that there are none. */
function rescoredAsJson(asJson: () => Promise<Scored>) {
  return (error: unknown) => {
    if (error instanceof HashbrookError && error.code === "request_invalid") return asJson();
    throw error;
  };
}

async function answer(context: RouteContext, request: FastifyRequest<Path>, reply: FastifyReply): Promise<unknown> {
  const { name, model, scorer } = chosen(context, request.params, keyOf(request));
  request.model = name;
  const { spec } = scorer;
  if (!spec) throw new HashbrookError("not_ready", `model ${name}: has not been loaded yet`);
  const bytes = bytesOf(request);
  const { asked, body, tensors } = readInfer(request, bytes, spec);
  const timeout = asked.parameters?.timeout;
  const limits = limitsOf(request, timeout && timeout / 1000);
  const asJson = () => scorer.scored(body(), limits);
  const scored = tensors
    ? await scorer.scored(bytes, { ...limits, tensors }).catch(rescoredAsJson(asJson))
    : await asJson();
  context.scored(request, model, body, scored);
  context.log(request, scorer, body, scored);
  const { header, binary } = answerOf(name, asked, scored);
  if (binary.length === 0) return header;
  const json = Buffer.from(JSON.stringify(header));
  reply.header("inference-header-content-length", json.length).type("application/octet-stream");
  return reply.send(Buffer.concat([json, ...binary]));
}
