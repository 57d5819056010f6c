import { exactBytes } from "../../tables/bytes.js";
import { store } from "../kind.js";

/** One row for every distinct key; grows without limit or stays within a budget. */
export const exact = store({
  description: "one row per key; the table grows",
  rows: "growing",
  lifecycle: true,
  bytes: (_, spec) => exactBytes(spec),
  async create(spec, _, options) {
    const { openRows } = await import("../../tables/sharded.js");
    return openRows({ ...spec, encoding: "exact" }, options);
  },
});
