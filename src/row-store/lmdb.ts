import type { Database, RootDatabase } from "lmdb";
import { HashbrookError } from "../core/errors.js";

export type { Database, RootDatabase } from "lmdb";

/** Most tables per database. */
const MOST_TABLES = 1024;

/** Opens a database, creating it if missing: keys and values are bytes. @throws the library's Error if it is damaged */
export async function openDatabase(path: string): Promise<RootDatabase> {
  const { open } = await library();
  // One answer's rows are scattered: read-ahead would fill the memory with others.
  const options = { path, encoding: "binary", keyEncoding: "binary", maxDbs: MOST_TABLES, noReadAhead: true } as const;
  return open(options);
}

/** A table within a database. */
export const openTable = (root: RootDatabase, name: string): Database =>
  root.openDB(name, { encoding: "binary", keyEncoding: "binary" });

/** The library, if it is installed. */
async function library() {
  return import("lmdb").catch((cause) => {
    throw new HashbrookError("runtime_unavailable", "--row-store requires the package lmdb, which cannot be loaded", {
      hint: "npm install lmdb",
      cause,
    });
  });
}
