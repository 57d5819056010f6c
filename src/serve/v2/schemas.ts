import { type Static, Type } from "../../schema/typebox.js";
import { strict, version } from "../schemas.js";
import { datatypes } from "./datatypes.js";

const names = Object.keys(datatypes);
const elements = Type.Unsafe<readonly unknown[]>({ type: "array", description: "Row-major, flat or nested." });
const datatype = Type.Unsafe<string>({ type: "string", enum: names });
const shape = (description: string) =>
  Type.Array(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }), { minItems: 1, maxItems: 2, description });

/** A tensor of a request: the values of one field, one row per candidate. */
export const InputTensor = strict({
  name: Type.String({ minLength: 1, description: "Name of a field, or path of the member that a field reads." }),
  shape: shape("[rows] or [rows, 1]; [rows, length] for vectors and bags. A single row applies to all rows."),
  datatype,
  data: Type.Optional(elements),
  parameters: Type.Optional(
    strict({
      binary_data_size: Type.Optional(
        Type.Integer({
          minimum: 0,
          description: "Bytes of this tensor after the JSON header; tensors are in order.",
        }),
      ),
    }),
  ),
});
export type InputTensor = Static<typeof InputTensor>;

const RequestedOutput = strict({
  name: Type.String(),
  parameters: Type.Optional(strict({ binary_data: Type.Optional(Type.Boolean()) })),
});

/** The JSON of an inference request. */
export const InferBody = strict({
  id: Type.Optional(Type.String({ description: "Returned with the response." })),
  parameters: Type.Optional(
    strict({
      binary_data_output: Type.Optional(Type.Boolean({ description: "Default of binary_data for the outputs." })),
      timeout: Type.Optional(
        Type.Integer({
          minimum: 1,
          description: "Deadline in microseconds: the request is refused if it is not scored by then.",
        }),
      ),
    }),
  ),
  inputs: Type.Array(InputTensor, { minItems: 1, maxItems: 4096 }),
  outputs: Type.Optional(Type.Array(RequestedOutput, { minItems: 1, maxItems: 16, description: "Default: all." })),
});
export type InferBody = Static<typeof InferBody>;

/** The JSON of an inference answer. */
export const InferAnswer = strict({
  model_name: version.model,
  model_version: Type.String(),
  id: Type.Optional(Type.String()),
  parameters: strict({ spec_hash: version.spec_hash }),
  outputs: Type.Array(
    strict({
      name: Type.String(),
      datatype: Type.Literal("FP32"),
      shape: Type.Array(Type.Integer()),
      data: Type.Optional(Type.Array(Type.Number())),
      parameters: Type.Optional(strict({ binary_data_size: Type.Integer() })),
    }),
  ),
});
export type InferAnswer = Static<typeof InferAnswer>;

const tensor = strict({ name: Type.String(), datatype: Type.String(), shape: Type.Array(Type.Integer()) });

/** The protocol's description of a model. */
export const ModelMetadata = strict({
  name: version.model,
  versions: Type.Array(Type.String()),
  platform: Type.String(),
  inputs: Type.Array(tensor, { description: "All inputs are optional." }),
  outputs: Type.Array(tensor),
});

export const ServerMetadata = Type.Object({
  name: Type.String(),
  version: Type.String(),
  extensions: Type.Array(Type.String()),
});

const duration = strict({ count: Type.Integer(), ns: Type.Integer() });

export const Statistics = strict({
  model_stats: Type.Array(
    strict({
      name: version.model,
      version: Type.String(),
      last_inference: Type.Integer({ description: "Milliseconds since 1970; 0: no inference yet." }),
      inference_count: Type.Integer({ description: "Candidates scored." }),
      inference_stats: strict({ success: duration, fail: duration }),
    }),
  ),
});
