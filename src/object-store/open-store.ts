import { isPlainHttp, withoutSecrets } from "../core/address.js";
import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { DirectoryStore } from "./directory-store.js";
import { HttpReader } from "./http-reader.js";
import type { ObjectReader, ObjectStore } from "./object-store.js";
import { S3Store, s3Options } from "./s3-store.js";

/** True for the addresses that `openReader` takes. */
export const isStore = (url: string): boolean => /^(objects:|s3:\/\/|https?:\/\/)/i.test(url);

/**
 * Opens a store of objects: `objects:DIR` or `s3://BUCKET/PREFIX`.
 * @param env where credentials come from
 * @throws HashbrookError usage
 */
export function openStore(url: string, env: Readonly<Record<string, string | undefined>> = process.env): ObjectStore {
  checkArguments("openStore", { url }, { url: "text" });
  const [, directory] = /^objects:(.+)$/i.exec(url) ?? [];
  if (directory) return new DirectoryStore(directory);
  const [, bucket, prefix = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w./-]*))?$/i.exec(url) ?? [];
  if (bucket) return new S3Store(bucket, prefix, s3Options(env));
  const over = /^https?:/i.test(url) ? ": objects can be read over HTTP, but not written" : ": not an object store";
  throw new HashbrookError("usage", `${JSON.stringify(withoutSecrets(url))}${over}`, {
    hint: "use objects:DIR, for a web server to serve, or s3://BUCKET/PREFIX (letters, digits, . _ - /)",
  });
}

/** Opens a store to read from: also `https://…` and `http://…`. @throws HashbrookError usage */
export function openReader(url: string, env: Readonly<Record<string, string | undefined>> = process.env): ObjectReader {
  checkArguments("openReader", { url }, { url: "text" });
  if (!/^https?:/i.test(url)) return openStore(url, env);
  if (isPlainHttp(url)) return new HttpReader(url, env.HASHBROOK_LOG_TOKEN);
  throw new HashbrookError("usage", `${JSON.stringify(withoutSecrets(url))}: not an address of objects`, {
    hint: "use https://HOST/PATH without query and credentials; set a token in HASHBROOK_LOG_TOKEN",
  });
}
