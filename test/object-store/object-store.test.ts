import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { nodeFiles } from "../../src/core/files.js";
import { DirectoryStore } from "../../src/object-store/directory-store.js";
import type { ObjectStore } from "../../src/object-store/object-store.js";
import { openReader, openStore } from "../../src/object-store/open-store.js";
import { S3Store } from "../../src/object-store/s3-store.js";
import { leftName } from "../core/left-name.js";
import { doubtfulStore } from "./doubtful-store.js";
import { fileServer } from "./file-server.js";
import { describeS3 } from "./s3-server.js";

const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), "hashbrook-objects-"));
const bytes = (text: string) => new TextEncoder().encode(text);
const put = { immutable: true };

/** The message of the error that `act` throws; empty if there is none. */
function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

/** The contract of every object store. */
function contract(open: () => ObjectStore): void {
  it("reads what was written, and reports what the reader already has", async () => {
    const store = open();
    expect(await store.read("a/b-1.hbd")).toBeNull();
    const tag = await store.write("a/b-1.hbd", bytes("one"), put);
    const found = await store.read("a/b-1.hbd");
    expect(found).toEqual({ bytes: bytes("one"), tag });
    expect(await store.read("a/b-1.hbd", { known: tag! })).toBe("known");
    await store.write("a/b-1.hbd", bytes("two"), put);
    expect(await store.read("a/b-1.hbd", { known: tag! })).toMatchObject({ bytes: bytes("two") });
  });

  it("writes conditionally: only if absent, or unchanged", async () => {
    const store = open();
    const first = await store.write("head.json", bytes("1"), { only: "absent", immutable: false });
    expect(await store.write("head.json", bytes("2"), { only: "absent", immutable: false })).toBeNull();
    const second = await store.write("head.json", bytes("3"), { only: { tag: first! }, immutable: false });
    expect(second).not.toBeNull();
    expect(await store.write("head.json", bytes("4"), { only: { tag: first! }, immutable: false })).toBeNull();
    expect(await store.read("head.json")).toMatchObject({ bytes: bytes("3") });
    expect(await store.write("other.json", bytes("5"), { only: { tag: first! }, immutable: false })).toBeNull();
    expect(await store.read("other.json")).toBeNull();
  });

  it("lists all keys, and removes them", async () => {
    const store = open();
    const keys = Array.from({ length: 40 }, (_, i) => `000000000001/delta-${String(i).padStart(12, "0")}-0000.hbd`);
    for (const key of [...keys, "head.json"]) await store.write(key, bytes(key), put);
    expect(await store.list()).toEqual([...keys, "head.json"]);
    await store.remove([...keys.slice(1), "never-there"]);
    expect(await store.list()).toEqual([keys[0], "head.json"]);
  });

  it("keeps bytes unchanged", async () => {
    const store = open();
    const all = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7) & 255);
    await store.write("bytes.hbd", all, put);
    expect(await store.read("bytes.hbd")).toMatchObject({ bytes: all });
  });
}

describe("objects in a directory", () => {
  contract(() => new DirectoryStore(join(temporaryFolder(), "log")));

  it("that a killed process has left unfinished are removed with the next write, whatever its key: they stayed for ever", async () => {
    const folder = temporaryFolder();
    const left = leftName(folder, "delta-000000000007.hbd");
    writeFileSync(join(folder, left), "half");
    const store = new DirectoryStore(folder);
    expect(await store.list()).toEqual([]);
    await store.write("head.json", bytes("1"), put);
    expect(readdirSync(folder)).toEqual(["head.json"]);
  });

  it("may be written by two at once: both used one temporary file", async () => {
    const folder = temporaryFolder();
    const write = (text: string) => new DirectoryStore(folder).write("head.json", bytes(text), put);
    const temporaries = new Set<string>();
    const { rename } = nodeFiles;
    nodeFiles.rename = (from, to) => {
      temporaries.add(from);
      rename(from, to);
    };
    try {
      await Promise.all([write("1"), write("2")]);
    } finally {
      nodeFiles.rename = rename;
    }
    expect(temporaries.size).toBe(2);
  });

  it("report what is not writable", async () => {
    const store = new DirectoryStore("/proc/none");
    await expect(store.write("head.json", bytes("1"), put)).rejects.toMatchObject({ code: "log_write" });
  });
});

describeS3("objects in a bucket", (bucket) => {
  contract(() => openStore(bucket.fresh(), bucket.env));

  it("reports a missing bucket, and an unreachable store", async () => {
    const lost = openStore("s3://no-such-bucket/x", bucket.env);
    await expect(lost.write("head.json", bytes("1"), put)).rejects.toMatchObject({ code: "store_refused" });
    const nobody = openStore("s3://bucket/x", { ...bucket.env, AWS_ENDPOINT_URL: "http://127.0.0.1:9" });
    await expect(nobody.read("head.json")).rejects.toMatchObject({ code: "store_unreachable" });
  });
});

describe("objects over HTTP", () => {
  it("are those of the directory that a web server serves", async () => {
    const directory = temporaryFolder();
    const tag = await new DirectoryStore(directory).write("a/b.hbd", bytes("one"), put);
    const url = await fileServer(directory);
    const reader = openReader(`${url}/`, {});
    const found = await reader.read("a/b.hbd");
    expect(found).toMatchObject({ bytes: bytes("one") });
    expect(tag).not.toBeNull();
    const known = found && found !== "known" ? found.tag : "";
    expect(await reader.read("a/b.hbd", { known })).toBe("known");
    expect(await reader.read("a/c.hbd")).toBeNull();
  });

  it("are not waited for by who has given up before", async () => {
    const reader = openReader(await fileServer(mkdtempSync(join(tmpdir(), "hashbrook-objects-"))));
    await expect(reader.read("a", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "store_unreachable",
    });
  });

  it("are requested with the token of the environment, and errors are reported", async () => {
    const asked: (string | undefined)[] = [];
    const url = await fileServer(temporaryFolder(), ({ headers }) => {
      asked.push(headers.authorization);
      return headers.authorization === "Bearer secret" ? 503 : 401;
    });
    await expect(openReader(url, {}).read("head.json")).rejects.toMatchObject({ code: "store_refused" });
    const known = openReader(url, { HASHBROOK_LOG_TOKEN: "secret" });
    await expect(known.read("head.json")).rejects.toMatchObject({ code: "store_unreachable" });
    expect(asked).toEqual([undefined, "Bearer secret"]);
  });
});

describe("a bucket that applies a write and answers with an error", () => {
  const only = "absent" as const;

  it("has written it: the repeated write was taken for somebody else's", async () => {
    const store = await doubtfulStore();
    const tag = await store.write("head.json", bytes("mine"), { only, immutable: false });
    expect(await store.read("head.json")).toEqual({ bytes: bytes("mine"), tag });
    expect(await store.write("head.json", bytes("other"), { only, immutable: false })).toBeNull();
    expect(await store.write("head.json", bytes("more"), { only: { tag: tag! }, immutable: false })).not.toBeNull();
  });

  it("has not, if somebody else has written since", async () => {
    const store = await doubtfulStore((objects, key) => objects.set(key, Buffer.from("theirs")));
    expect(await store.write("head.json", bytes("mine"), { only, immutable: false })).toBeNull();
    expect(await store.read("head.json")).toMatchObject({ bytes: bytes("theirs") });
  });
});

/** The bucket of a server, which is closed when the test ends. */
async function storeOf(server: Server): Promise<ObjectStore> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new S3Store("bucket", "run", { accessKeyId: "a", secretAccessKey: "b", region: "us-east-1", endpoint });
}

/** A bucket with one object, "a", that cuts the connection in the middle of its next answers. @param times how many of them */
function cutStore(times: number): Promise<ObjectStore> {
  const objects = new Map([["/bucket/run/a", Buffer.from("1234")]]);
  let cut = 0;
  const server = createServer(async (request, response) => {
    const key = request.url!.split("?")[0];
    const body = await buffer(request);
    const held = objects.get(key);
    const refused = request.headers["if-none-match"] === "*" && held !== undefined;
    if (request.method === "PUT" && !refused) objects.set(key, body);
    if (request.method === "DELETE") objects.delete(key);
    const keys = [...objects.keys()].map((name) => `<Key>${name.slice("/bucket/".length)}</Key>`);
    const isPage = request.url!.includes("list-type") && !request.url!.includes("start-after");
    const content = isPage ? Buffer.from(keys.join("")) : (held ?? Buffer.from("nothing"));
    const missing = request.method === "GET" && !request.url!.includes("list-type") && !held;
    response.writeHead(missing ? 404 : refused ? 412 : 200, { etag: '"1"', "content-length": content.length });
    if (cut++ < times) response.write(content.subarray(0, -1), () => response.destroy());
    else response.end(content);
  });
  return storeOf(server);
}

describe("a bucket whose connections are cut", () => {
  const only = "absent" as const;

  it("once is asked again: a copy failed at the first one", async () => {
    expect(await (await cutStore(1)).read("a")).toEqual({ bytes: bytes("1234"), tag: '"1"' });
    expect(await (await cutStore(1)).list()).toEqual(["a"]);
    await (await cutStore(1)).remove(["a"]);
    expect(await (await cutStore(1)).write("b", bytes("new"), { ...put, only })).toBe('"1"');
    expect(await (await cutStore(1)).write("a", bytes("other"), { ...put, only })).toBeNull();
  });

  it("for ever is unreachable, also in the middle of a list's or a write's answer: that was an internal error", async () => {
    const unreachable = { code: "store_unreachable" };
    await expect((await cutStore(99)).read("a")).rejects.toMatchObject(unreachable);
    await expect((await cutStore(99)).list()).rejects.toMatchObject(unreachable);
    await expect((await cutStore(99)).remove(["a"])).rejects.toMatchObject(unreachable);
    await expect((await cutStore(99)).write("a", bytes("1"), { ...put, only })).rejects.toMatchObject(unreachable);
  });
});

/** A bucket that answers every request with one status and code of the S3 protocol. */
function refusingStore(status: number, code: string): Promise<ObjectStore> {
  const server = createServer((_, response) => {
    response.writeHead(status).end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
  });
  return storeOf(server);
}

describe("a bucket that refuses", () => {
  it.each([
    [404, "NoSuchBucket", "create the bucket"],
    [301, "PermanentRedirect", "AWS_REGION"],
    [400, "AuthorizationHeaderMalformed", "AWS_REGION"],
    [403, "RequestTimeTooSkewed", "clock"],
    [400, "ExpiredToken", "expired"],
    [403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"],
    [403, "AccessDenied", "ListBucket"],
    [403, "Odd", "docs/OPERATIONS.md"],
    [501, "NotImplemented", "conditional writes"],
    [405, "MethodNotAllowed", "check the address"],
  ])("with %i %s says what to do, not to look for a delta log's objects", async (status, code, hint) => {
    const store = await refusingStore(status, code);
    const refused = {
      code: "store_refused",
      message: expect.stringContaining(`responded with status ${status} (${code})`),
      hint: expect.stringContaining(hint),
    };
    await expect(store.read("checkpoint.json")).rejects.toMatchObject(refused);
    await expect(store.write("checkpoint.json", bytes("1"), { ...put, only: "absent" })).rejects.toMatchObject(refused);
    await expect(store.list()).rejects.toMatchObject(refused);
  });

  it("has no object under a key that it does not know", async () => {
    expect(await (await refusingStore(404, "NoSuchKey")).read("checkpoint.json")).toBeNull();
  });
});

describe("addresses of objects", () => {
  it.each([
    ["https://host/path?x=1", "not an address of objects"],
    ["https://user:password@host/path", "not an address of objects"],
    ["s3://UP/x y", "not an object store"],
    ["objects:", "not an object store"],
  ])("%s is refused", (url, message) => {
    expect(() => openReader(url, { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" })).toThrow(message);
  });

  it.each([
    "https://user:hush@host/path",
    "https://:hush@host/path",
    "https://host/path?X-Amz-Signature=hush",
    "https://user:hu/hush@host/path",
    "s3://AKIA:hush@bucket/path",
  ])("with a secret are refused without printing it: %s", (url) => {
    const env = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_ENDPOINT_URL: url };
    for (const open of [() => openReader(url, {}), () => openStore(url, {}), () => openStore("s3://bucket/path", env)])
      expect(messageOf(open)).toMatch(/^((?!hush).)*\*\*\*((?!hush).)*$/);
  });

  it("cannot be written over HTTP, and s3:// requires credentials", () => {
    expect(() => openStore("https://host/path", {})).toThrow("can be read over HTTP, but not written");
    expect(() => openStore("s3://bucket/path", {})).toThrow("requires credentials");
  });
});
