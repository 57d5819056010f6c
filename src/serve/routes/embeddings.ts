import type { FastifyRequest } from "fastify";
import { Type } from "../../schema/typebox.js";
import type { Id } from "../embeddings/places.js";
import { EmbeddingAnswer, LookupAnswer, LookupBody, NeighborsAnswer, NeighborsBody } from "../embeddings/schemas.js";
import { bytesOf, checked, MODEL, parsed } from "../http/endpoint.js";
import { rawElements, rawMembers } from "../requests/raw-json.js";
import { strict } from "../schemas.js";
import type { Scorer } from "../scorer.js";
import type { Routes } from "./context.js";

const FieldQuery = strict({
  field: Type.Optional(
    Type.String({ description: "The field whose ids are wanted, if the table has ids of several fields." }),
  ),
});

interface Named {
  Params: { name: string };
}
interface One {
  Params: { name: string; table: string; id: string };
}

const one = { summary: "The vector of an id", query: FieldQuery, answer: EmbeddingAnswer };
const lookup = { summary: "The vectors of ids", body: { "application/json": LookupBody }, answer: LookupAnswer };
const neighbors = {
  summary: "The nearest learned rows of a table, or of the given ids (exact search)",
  body: { "application/json": NeighborsBody },
  answer: NeighborsAnswer,
};

/** `GET …/embeddings/{table}/{id}`, `POST …/embeddings:lookup`, `POST …/neighbors`. */
export const embeddingRoutes: Routes = (app, { models }) => {
  const path = `/v1/models/${MODEL}`;
  app.get<One>(`${path}/embeddings/:table/:id`, { config: { endpoint: one } }, async (request) => {
    const { name, table, id } = request.params;
    const { field } = checked(request, request.query, FieldQuery, "query");
    const { vectors, ...where } = await vectorsOf(models.choose(name), { field, table, ids: [id] });
    return { ...where, ...vectors[0] };
  });
  app.post<Named>(`${path}/embeddings::lookup`, { config: { endpoint: lookup } }, async (request) => {
    const { body, members } = bodyOf(request, LookupBody);
    const ids = rawElements(members.get("ids")!).map(idOf);
    return vectorsOf(models.choose(request.params.name), { ...body, ids });
  });
  app.post<Named>(`${path}/neighbors`, { config: { endpoint: neighbors } }, async (request) => {
    const { body, members } = bodyOf(request, NeighborsBody);
    const { field, table, vector, k = 10, metric = "cosine" } = body;
    const id = members.has("id") ? idOf(members.get("id")!) : undefined;
    const among = members.has("among") ? rawElements(members.get("among")!).map(idOf) : undefined;
    const wanted = { field, table, id, vector, among, k, metric };
    const { version, found } = await models.choose(request.params.name).ask({ kind: "neighbors", wanted });
    return { ...version, field, table: found.table, metric, neighbors: found.neighbors };
  });
};

interface Wanted {
  readonly field?: string | undefined;
  readonly table?: string | undefined;
  readonly ids: readonly Id[];
}

async function vectorsOf(scorer: Scorer, wanted: Wanted) {
  const { version, found } = await scorer.ask({ kind: "lookup", ...wanted });
  return { ...version, field: found.field, table: found.table, vectors: found.vectors };
}

function bodyOf<S extends typeof LookupBody | typeof NeighborsBody>(request: FastifyRequest, schema: S) {
  const bytes = bytesOf(request);
  return { body: checked(request, parsed(bytes), schema, "body"), members: rawMembers(bytes) };
}

/** The text of an id as it was written: an integer keeps its digits. */
function idOf(raw: Uint8Array): Id {
  const text = Buffer.from(raw).toString();
  if (text.startsWith("[")) return rawElements(raw).map((element) => idOf(element) as string);
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}
