import type { Database, RootDatabase } from "lmdb";
import { HashbrookError } from "../core/errors.js";

export type { Database, RootDatabase } from "lmdb";

/** Tables of rows a database can have. */
const MOST_TABLES = 1024;

/** Opens a database, made where it is missing: keys and values are bytes. @throws Error, the library's, where it is damaged */
export async function openDatabase(path: string): Promise<RootDatabase> {
  const { open } = await library();
  // One answer's rows lie anywhere: reading ahead would fill memory with others.
  const options = { path, encoding: "binary", keyEncoding: "binary", maxDbs: MOST_TABLES, noReadAhead: true } as const;
  return open(options);
}

/** A table within a database. */
export const openTable = (root: RootDatabase, name: string): Database =>
  root.openDB(name, { encoding: "binary", keyEncoding: "binary" });

/** The library, which is there where it was asked for. */
async function library() {
  return import("lmdb").catch((cause) => {
    throw new HashbrookError("runtime_unavailable", "a row store needs the package lmdb, which cannot be loaded", {
      hint: "npm install lmdb",
      cause,
    });
  });
}
