import { fixedStore, storeBytes } from "../../tables/bytes.js";
import { store } from "../kind.js";

/** The hashing trick: a fixed number of rows, row = key mod rows; colliding keys share a row. */
export const hash = store({
  description: "row = key mod rows, of a fixed size",
  rows: "fixed",
  bytes: (_, spec) => storeBytes(fixedStore(spec)),
  async create(spec, _, options) {
    const { openRows } = await import("../../tables/sharded.js");
    return openRows(fixedStore(spec), options);
  },
});
