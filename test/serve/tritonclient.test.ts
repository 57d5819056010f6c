import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { python, pythonHas } from "../python.js";
import { BIG, shop } from "./served.js";

const run = promisify(execFile);

const SCRIPT = `
import json, sys
import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

client = http.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("shop")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
names = [tensor["name"] for tensor in client.get_model_metadata("shop")["inputs"]]

def tensor(name, array, kind, binary=True):
    one = http.InferInput(name, list(array.shape), kind)
    one.set_data_from_numpy(array, binary_data=binary)
    return one

def inputs(binary):
    return [
        tensor("user", np.array([${BIG}], dtype=np.int64), "INT64", binary),
        tensor("item", np.array([b"i1", b"i2", b"i3"], dtype=np.object_), "BYTES", binary),
        tensor("price", np.array([1, 2, 3], dtype=np.float32), "FP32", binary),
        tensor("picture", np.arange(9, dtype=np.float64).reshape(3, 3) / 8, "FP64", binary),
    ]

told = []
for binary in (True, False):
    for output in (None, [http.InferRequestedOutput("score", binary_data=False)], [http.InferRequestedOutput("score")]):
        result = client.infer("shop", inputs(binary), model_version="3000", outputs=output, request_id="7")
        assert result.get_response()["id"] == "7"
        told.append(result.as_numpy("score").tolist())
try:
    client.infer("shop", [tensor("nothing", np.array([1], dtype=np.int64), "INT64")])
    refused = None
except InferenceServerException as error:
    refused = [error.status(), error.message()]
stats = client.get_inference_statistics("shop")["model_stats"][0]["inference_stats"]["success"]["count"]
print(json.dumps({"names": names, "told": told, "refused": refused, "answered": stats}))
`;

describe.skipIf(!pythonHas("tritonclient.http"))("a third-party client of the protocol", () => {
  let served: Awaited<ReturnType<typeof shop>>;
  beforeAll(async () => {
    served = await shop();
  });
  afterAll(() => served.close());

  it("gets the JSON endpoint's scores, binary and as JSON", async () => {
    const url = new URL(await served.app.listen({ port: 0, host: "127.0.0.1" }));
    const { stdout } = await run(python, ["-c", SCRIPT, url.host]);
    const candidates = [1, 2, 3].map((i) => ({
      item: { id: `i${i}`, price: i, picture: [0, 1, 2].map((j) => ((i - 1) * 3 + j) / 8) },
    }));
    const body = { context: { user: { id: String(BIG) } }, candidates };
    const { scores } = (await served.app.inject({ method: "POST", url: "/v1/score", body })).json();
    expect(JSON.parse(stdout)).toEqual({
      names: ["user", "item", "maker", "price", "tags", "picture"],
      told: Array(6).fill(scores),
      refused: ["400", expect.stringMatching(/unknown field/)],
      answered: 6,
    });
  });
});
