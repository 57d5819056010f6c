import { Type } from "../schema/typebox.js";
import type { Endpoint } from "./http/endpoint.js";
import { labels } from "./models/served-model.js";
import { strict } from "./schemas.js";

const number = Type.Integer({ minimum: 0, description: "Examples learned." });
const named = Type.Union([number, Type.String({ pattern: "^[0-9]{1,16}@[0-9a-f]{16}$" })], {
  description: "A loaded version: its number, or number and spec.",
});
const orNone = Type.Optional(Type.Union([named, Type.Null()]));
const numberOrNone = Type.Union([number, Type.Null()]);

export const LoadBody = strict({
  checkpoint: Type.String({ minLength: 1, description: "A checkpoint, or the directory of a run." }),
  label: Type.Optional(Type.Enum([...labels])),
});
export const UnloadBody = strict({ version: named });
export const RollbackBody = strict({ version: Type.Optional(named) });
export const WatchBody = strict({});
export const LabelsBody = Type.Object(
  {
    stable: Type.Optional(named),
    canary: orNone,
    shadow: orNone,
    canary_share: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  },
  { additionalProperties: false, minProperties: 1 },
);

const label = Type.Enum([...labels]);
const StateAnswer = strict({
  name: Type.String({ description: "Name of the model in requests." }),
  labels: strict({ stable: numberOrNone, canary: numberOrNone, shadow: numberOrNone }),
  canary_share: Type.Number({ minimum: 0, maximum: 1, description: "Share of keys answered by canary." }),
  previous: Type.Union([number, Type.Null()], { description: "The version to which rollback would return." }),
  versions: Type.Array(
    strict({
      version: numberOrNone,
      spec_hash: Type.Union([Type.String(), Type.Null()]),
      source: Type.String(),
      ready: Type.Boolean(),
      labels: Type.Array(label),
      follows: Type.Boolean({ description: "Newer checkpoints of its run replace it as they appear." }),
    }),
    { description: "Oldest first." },
  ),
});

const json = "application/json";

/** The admin endpoints, as they are documented. */
export const adminEndpoints = {
  models: { summary: "Every model's versions and labels", answer: strict({ models: Type.Array(StateAnswer) }) },
  load: {
    summary: "Loads a version beside the others, and then assigns the label to it",
    body: { [json]: LoadBody },
    answer: StateAnswer,
  },
  unload: { summary: "Removes a version without a label", body: { [json]: UnloadBody }, answer: StateAnswer },
  labels: {
    summary: "Moves labels between loaded versions, atomically",
    body: { [json]: LabelsBody },
    answer: StateAnswer,
  },
  rollback: {
    summary:
      "Stable returns to its previous version, or to the given one; a watched run to the previous checkpoint, or to the given one, and stays there",
    body: { [json]: RollbackBody },
    bodyOptional: true,
    answer: StateAnswer,
  },
  watch: {
    summary: "A watched run that was rolled back serves its newest checkpoint again, and newer ones as they appear",
    body: { [json]: WatchBody },
    bodyOptional: true,
    answer: StateAnswer,
  },
} as const satisfies Record<string, Endpoint>;
