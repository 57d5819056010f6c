import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { DirectoryStore } from "../../src/object-store/directory-store.js";

/**
 * Serves a directory's objects over HTTP like a static web server, until the test ends.
 * @param status of the response, if it is not that of the object
 */
export async function fileServer(
  directory: string,
  status: (request: IncomingMessage) => number | undefined = () => undefined,
): Promise<string> {
  const store = new DirectoryStore(directory);
  const server = createServer(async (request, response) => {
    const other = status(request);
    const found = other ? null : await store.read(decodeURI(request.url!).slice(1));
    if (!found || found === "known") return response.writeHead(other ?? 404).end();
    const etag = `"${found.tag}"`;
    const known = request.headers["if-none-match"] === etag;
    return response.writeHead(known ? 304 : 200, { etag }).end(known ? undefined : found.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
