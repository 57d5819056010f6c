import type { CompiledSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";

/** A spec of a user and a price, whose events are read as `events` says. */
export function nestedSpec(events: string, label = "{ field: clicked }"): CompiledSpec {
  return parseSpec(
    `name: clicks
events: ${events}
label: ${label}
fields:
  - { name: user, type: categorical, from: user.id, table: w }
  - { name: price, type: numeric }
tables: { w: { encoding: hash, rows: 64 } }
tower: deep_crossing
`,
    "t.yaml",
  );
}
