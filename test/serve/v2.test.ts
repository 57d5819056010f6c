import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Scorer } from "../../src/serve/scorer.js";
import { createServer } from "../../src/serve/server.js";
import { BIG, shop } from "./served.js";

let served: Awaited<ReturnType<typeof shop>>;
beforeAll(async () => {
  served = await shop();
});
afterAll(() => served.close());

const infer = async (
  body: object | string | Buffer,
  headers: Record<string, string> = {},
  url = "/v2/models/shop/infer",
) => {
  const payload = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return served.app.inject({
    method: "POST",
    url,
    payload,
    headers: { "content-type": "application/json", ...headers },
  });
};
/** Scores of the JSON endpoint. */
async function scored(candidates: object[], context = {}): Promise<number[]> {
  const body = { context, candidates };
  const response = await served.app.inject({ method: "POST", url: "/v1/score", body });
  return response.json<{ scores: number[] }>().scores;
}
const text = (name: string, data: unknown[], shape = [data.length]) => ({ name, shape, datatype: "BYTES", data });
const bytes = (texts: string[]) =>
  Buffer.concat(
    texts.flatMap((one) => {
      const size = Buffer.alloc(4);
      size.writeUInt32LE(Buffer.byteLength(one));
      return [size, Buffer.from(one)];
    }),
  );
/** A request of a JSON header and the binary data after it. */
const framed = (header: object, ...binary: Buffer[]) => {
  const json = Buffer.from(JSON.stringify(header));
  const headers = {
    "inference-header-content-length": String(json.length),
    "content-type": "application/octet-stream",
  };
  return { body: Buffer.concat([json, ...binary]), headers };
};

describe("the Open Inference Protocol", () => {
  it("returns the metadata of the server and its model", async () => {
    const get = async (url: string) => (await served.app.inject(url)).json();
    expect(await get("/v2")).toEqual({
      name: "hashbrook",
      version: expect.any(String),
      extensions: ["binary_tensor_data", "statistics"],
    });
    expect(await get("/v2/models/shop/ready")).toEqual({ name: "shop", ready: true });
    expect(await get("/v2/models/shop/versions/3000/ready")).toEqual({ name: "shop", ready: true });
    for (const version of ["7", "3e3", "0x0bb8", "latest"]) {
      const { statusCode, body } = await served.app.inject(`/v2/models/shop/versions/${version}`);
      expect([statusCode, body]).toEqual([404, expect.stringContaining(`version ${version} is not loaded`)]);
    }
    expect(await get("/v2/models/shop")).toEqual({
      name: "shop",
      versions: ["3000"],
      platform: "hashbrook",
      inputs: [
        { name: "user", datatype: "BYTES", shape: [-1] },
        { name: "item", datatype: "BYTES", shape: [-1] },
        { name: "maker", datatype: "BYTES", shape: [-1] },
        { name: "price", datatype: "FP64", shape: [-1] },
        { name: "tags", datatype: "BYTES", shape: [-1, -1] },
        { name: "picture", datatype: "FP32", shape: [-1, 3] },
      ],
      outputs: [{ name: "score", datatype: "FP32", shape: [-1] }],
    });
  });

  it("returns the scores of the JSON endpoint, by fields or by paths, with one row for all", async () => {
    const response = await infer({
      id: "a 7",
      inputs: [
        { name: "user", shape: [1], datatype: "INT64", data: [1] },
        text("item.id", ["i1", "i2"]),
        text("maker", ["m1", "m2"], [2, 1]),
        { name: "price", shape: [2], datatype: "FP32", data: [2, 3.5] },
        {
          name: "tags",
          shape: [2, 2],
          datatype: "BYTES",
          data: [
            ["t1", "t2"],
            ["t3", ""],
          ],
        },
        { name: "picture", shape: [2, 3], datatype: "FP64", data: [0.5, 0.25, 1, 0, 0, 2] },
      ],
    });
    const expected = await scored(
      [
        { item: { id: "i1", maker: "m1", price: 2, tags: ["t1", "t2"], picture: [0.5, 0.25, 1] } },
        { item: { id: "i2", maker: "m2", price: 3.5, tags: ["t3"], picture: [0, 0, 2] } },
      ],
      { user: { id: "1" } },
    );
    expect(response.json()).toEqual({
      model_name: "shop",
      model_version: "3000",
      id: "a 7",
      parameters: { spec_hash: expect.any(String) },
      outputs: [{ name: "score", datatype: "FP32", shape: [2], data: expected }],
    });
  });

  it("accepts tensors and outputs whose parameters are empty", async () => {
    const parameters = {};
    const inputs = [{ ...text("item.id", ["i1", "i2"]), parameters }];
    const response = await infer({ inputs, parameters, outputs: [{ name: "score", parameters }] });
    const { outputs } = response.json<{ outputs?: { data: number[] }[] }>();
    expect(outputs?.[0].data, response.body).toEqual(await scored([{ item: { id: "i1" } }, { item: { id: "i2" } }]));
    const neither = await infer({ inputs: [{ name: "item", shape: [1], datatype: "BYTES", parameters }] });
    expect([neither.statusCode, neither.json().error]).toEqual([
      400,
      "inputs.item: must have either data or binary_data_size",
    ]);
  });

  it("keeps 64-bit integers exact, in JSON and in binary", async () => {
    const json = `{"inputs": [{"name": "user", "shape": [2], "datatype": "INT64", "data": [${BIG}, ${BIG - 1n}]}]}`;
    const exact = (await infer(json)).json().outputs[0].data;
    const header = { inputs: [{ name: "user", shape: [2], datatype: "INT64", parameters: { binary_data_size: 16 } }] };
    const { body, headers } = framed(header, Buffer.from(BigInt64Array.of(BIG, BIG - 1n).buffer));
    expect((await infer(body, headers)).json().outputs[0].data).toEqual(exact);
    expect(exact).toEqual(await scored([{ user: { id: String(BIG) } }, { user: { id: String(BIG - 1n) } }]));
    expect(exact[0]).not.toBe(exact[1]);
  });

  it("accepts and returns binary tensors", async () => {
    const [items, prices] = [bytes(["i1", "ü"]), Buffer.from(Float32Array.of(0.1, 9).buffer)];
    const inputs = [
      { name: "item", shape: [2], datatype: "BYTES", parameters: { binary_data_size: items.length } },
      text("maker", ["m1"]),
      { name: "price", shape: [2], datatype: "FP32", parameters: { binary_data_size: prices.length } },
    ];
    const { body, headers } = framed({ inputs, parameters: { binary_data_output: true } }, items, prices);
    const { headers: responseHeaders, rawPayload } = await infer(body, headers);
    const length = Number(responseHeaders["inference-header-content-length"]);
    const { outputs } = JSON.parse(rawPayload.subarray(0, length).toString());
    expect(outputs).toEqual([{ name: "score", datatype: "FP32", shape: [2], parameters: { binary_data_size: 8 } }]);
    const scores = new Float32Array(
      rawPayload.buffer.slice(rawPayload.byteOffset + length, rawPayload.byteOffset + rawPayload.length),
    );
    const price = (x: number) => ({ price: Math.fround(x), maker: "m1" });
    expect([...scores]).toEqual(
      await scored([{ item: { id: "i1", ...price(0.1) } }, { item: { id: "ü", ...price(9) } }]),
    );
    const one = {
      inputs,
      outputs: [{ name: "score", parameters: { binary_data: false } }],
      parameters: { binary_data_output: true },
    };
    const again = framed(one, items, prices);
    expect((await infer(again.body, again.headers)).json().outputs[0].data).toEqual([...scores]);
  });

  it("scores binary tensors in threads as JSON in the calling thread", async () => {
    const scorer = await Scorer.load(served.checkpoint, { workers: 1 });
    const app = createServer(scorer, { maxEventLoopDelay: 0 });
    try {
      const [items, tags] = [bytes(["i1", "i2", "i3"]), bytes(["t1", "t2"])];
      const tensor = (name: string, shape: number[], { length }: Buffer) => {
        return { name, shape, datatype: "BYTES", parameters: { binary_data_size: length } };
      };
      const inputs = [tensor("item", [3], items), tensor("tags", [1, 2], tags)];
      const { body, headers } = framed({ inputs }, items, tags);
      const answered = await app.inject({ method: "POST", url: "/v2/models/shop/infer", headers, body });
      const candidates = ["i1", "i2", "i3"].map((id) => ({ item: { id, tags: ["t1", "t2"] } }));
      expect(answered.json().outputs[0].data).toEqual(await scored(candidates));
    } finally {
      await app.close();
      await scorer.close();
    }
  });

  it("counts its responses", async () => {
    const stats = async () => (await served.app.inject("/v2/models/shop/stats")).json().model_stats[0];
    const before = await stats();
    await infer({ inputs: [text("item", ["i1", "i2"])] });
    await infer({ inputs: [text("item", [1])] });
    const after = await stats();
    const more = (name: "success" | "fail") => after.inference_stats[name].count - before.inference_stats[name].count;
    expect([after.inference_count - before.inference_count, more("success"), more("fail")]).toEqual([2, 1, 1]);
    expect((await served.app.inject("/v2/models/stats")).json().model_stats).toHaveLength(1);
  });

  const int64 = (data: string) =>
    `{"inputs": [{"name": "user", "shape": [1], "datatype": "INT64", "data": [${data}]}]}`;
  it.each([
    ["an unknown field", { inputs: [text("itm", ["a"])] }, /inputs\.itm: unknown field/],
    ["a name of a megabyte", { inputs: [text("item".repeat(1 << 18), ["a"])] }, /item: unknown field/],
    ["a number as a text", { inputs: [text("item", [1])] }, /inputs\.item: element 0: 1 is not a valid BYTES/],
    ["a text as a number", int64('"1"'), /element 0: "1" is not a valid INT64/],
    ["an integer beyond 64 bits", int64("9223372036854775808"), /9223372036854775808 is not a valid INT64/],
    ["a fraction as an integer", int64("1.0"), /1\.0 is not a valid INT64/],
    [
      "an infinite number",
      '{"inputs": [{"name": "price", "shape": [1], "datatype": "FP64", "data": [1e999]}]}',
      /1e999 is not a valid FP64/,
    ],
    [
      "a number for an id",
      { inputs: [{ name: "item", shape: [1], datatype: "FP32", data: [1] }] },
      /does not accept FP32/,
    ],
    ["a wrong count", { inputs: [text("item", ["a", "b"], [3])] }, /has 2 elements, but shape \[3\] has 3/],
    [
      "rows that differ",
      { inputs: [text("item", ["a", "b"]), text("maker", ["a", "b", "c"])] },
      /has 2 rows, but other tensors have 3/,
    ],
    [
      "a list for one value",
      { inputs: [text("item", ["a", "b"], [1, 2])] },
      /inputs\.item: must have one value per row/,
    ],
    ["one value for a list", { inputs: [text("tags", ["a", "b"])] }, /inputs\.tags: must have a list per row/],
    [
      "one member twice",
      { inputs: [text("item", ["a"]), text("item.id", ["b"])] },
      /another tensor already provides member item\.id/,
    ],
    ["deep nesting", { inputs: [text("item", [["a"]], [1])] }, /nested deeper/],
    ["no rows", { inputs: [text("item", [], [0])] }, /at least one row/],
    [
      "a wrong vector",
      { inputs: [{ name: "picture", shape: [1, 2], datatype: "FP32", data: [1, 2] }] },
      /picture: bad_vector/,
    ],
    ["an unknown output", { inputs: [text("item", ["a"])], outputs: [{ name: "x" }] }, /outputs\.x: unknown output/],
    [
      "an unknown parameter",
      { inputs: [text("item", ["a"])], parameters: { priority: 1 } },
      /must NOT have additional properties: priority/,
    ],
    ["no inputs", { inputs: [] }, /body\.inputs: must NOT have fewer/],
    [
      "an unknown datatype",
      { inputs: [{ ...text("item", ["a"]), datatype: "FP8" }] },
      /body\.inputs\[0\]\.datatype: must be equal/,
    ],
    ["no data", { inputs: [{ name: "item", shape: [1], datatype: "BYTES" }] }, /either data or binary_data_size/],
  ])("refuses %s", async (_, body, message) => {
    const response = await infer(body);
    expect([response.statusCode, response.json().error]).toEqual([400, expect.stringMatching(message)]);
  });

  it.each([
    [
      "a header beyond the body",
      () => framed({ inputs: [] }),
      { "inference-header-content-length": "999" },
      /the body has/,
    ],
    [
      "a header length that is no number",
      () => framed({}),
      { "inference-header-content-length": "-1" },
      /-1: the body has/,
    ],
    [
      "bytes that are missing",
      () => framed({ inputs: [{ name: "user", shape: [1], datatype: "INT64", parameters: { binary_data_size: 8 } }] }),
      {},
      /0 bytes are left/,
    ],
    [
      "bytes too many",
      () => framed({ inputs: [text("item", ["a"])] }, Buffer.alloc(3)),
      {},
      /has 3 bytes after the last tensor/,
    ],
    [
      "a size that is not the shape's",
      () =>
        framed(
          { inputs: [{ name: "user", shape: [2], datatype: "INT64", parameters: { binary_data_size: 8 } }] },
          Buffer.alloc(8),
        ),
      {},
      /has 8 bytes of binary data, but its shape needs 16/,
    ],
    [
      "a NaN",
      () =>
        framed(
          { inputs: [{ name: "price", shape: [1], datatype: "FP32", parameters: { binary_data_size: 4 } }] },
          Buffer.from(Float32Array.of(Number.NaN).buffer),
        ),
      {},
      /not a finite FP32/,
    ],
    [
      "a text cut short",
      () =>
        framed(
          { inputs: [{ name: "item", shape: [1], datatype: "BYTES", parameters: { binary_data_size: 5 } }] },
          bytes(["abc"]).subarray(0, 5),
        ),
      {},
      /extends beyond/,
    ],
    [
      "lists of texts whose shape has more elements than the bytes could hold, at once",
      () => {
        const shape = [10_000, 2 ** 31 - 1];
        return framed(
          { inputs: [{ name: "tags", shape, datatype: "BYTES", parameters: { binary_data_size: 8 } }] },
          bytes(["", ""]),
        );
      },
      {},
      /has 2 elements, but shape/,
    ],
    [
      "a text that is not UTF-8",
      () =>
        framed(
          { inputs: [{ name: "item", shape: [1], datatype: "BYTES", parameters: { binary_data_size: 5 } }] },
          Buffer.from([1, 0, 0, 0, 0xff]),
        ),
      {},
      /is not UTF-8/,
    ],
  ])("refuses %s", async (_, make, more, message) => {
    const { body, headers } = make();
    const response = await infer(body, { ...headers, ...more });
    expect([response.statusCode, response.json().error]).toEqual([400, expect.stringMatching(message)]);
  });
});
