import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { S3Store } from "../../src/object-store/s3-store.js";

/**
 * A bucket that applies the first write of every key, and nevertheless answers that it failed.
 * @param between called after such a write, with the objects, before the answer
 */
export async function doubtfulStore(between: (objects: Map<string, Buffer>, key: string) => void = () => {}) {
  const objects = new Map<string, Buffer>();
  const doubted = new Set<string>();
  const server = createServer(async (request, response) => {
    const key = request.url!.split("?")[0];
    const body = await buffer(request);
    const end = (status: number, text: Buffer | string = "") => {
      const found = objects.get(key);
      response.writeHead(status, found && { etag: tagOf(found) }).end(text);
    };
    const held = objects.get(key);
    if (request.method === "GET" && request.url!.includes("list-type")) {
      const after = new URLSearchParams(request.url!.split("?")[1]).get("start-after") ?? "";
      const keys = [...objects.keys()].map((name) => name.slice("/bucket/".length)).filter((name) => name > after);
      return end(200, keys.map((name) => `<Key>${name}</Key>`).join(""));
    }
    if (request.method === "GET") return end(held ? 200 : 404, held);
    if (request.method === "DELETE") return end(objects.delete(key) ? 204 : 404);
    if (!holds(request, held)) return end(412);
    objects.set(key, body);
    if (doubted.has(key)) return end(200);
    doubted.add(key);
    between(objects, key);
    end(500);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new S3Store("bucket", "run", { accessKeyId: "a", secretAccessKey: "b", region: "us-east-1", endpoint });
}

const tagOf = (bytes: Buffer): string => `"${createHash("md5").update(bytes).digest("hex")}"`;

/** Whether the condition of a write holds. */
function holds({ headers }: IncomingMessage, held: Buffer | undefined): boolean {
  if (headers["if-none-match"] === "*") return held === undefined;
  return headers["if-match"] === undefined || (held !== undefined && headers["if-match"] === tagOf(held));
}
