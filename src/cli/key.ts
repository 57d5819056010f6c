import { Command } from "commander";
import { HashbrookError } from "../core/errors.js";
import { checkpointSpec } from "../inspect/checkpoint-spec.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { keysOf } from "../spec/keys.js";
import { loadSpec } from "../spec/parse.js";
import { tellPassedOver } from "./summary.js";

interface Flags {
  model?: string;
  checkpoint?: string;
  field: string;
  json?: true;
}

export function keyCommand(): Command {
  return new Command("key")
    .argument("<value...>", "text of the value; for a cross, one value per component; for buckets, the bucket's index")
    .option("--model <spec>", "model spec, a YAML file (see features/README.md)")
    .option("--checkpoint <dir>", "or a checkpoint, which contains its spec")
    .requiredOption("--field <name>", "field that the value belongs to")
    .option("--json", 'print one JSON object, {"keys": [{table, key}, ...]}')
    .addHelpText(
      "after",
      "\nfeatures/README.md describes how to compute the same key in another language.\n\nExample:\n  hashbrook key --model features/ads-demo.yaml --field ad a17",
    )
    .action((values: string[], flags: Flags) => {
      const spec = specOfFlags(flags);
      const keys = keysOf(spec, flags.field, values);
      if (flags.json) process.stdout.write(`${JSON.stringify({ keys })}\n`);
      else for (const { table, key } of keys) process.stdout.write(`${key}  ${flags.field} in table ${table}\n`);
    });
}

/** The spec named by --model or --checkpoint. */
function specOfFlags(flags: { model?: string; checkpoint?: string }): CompiledSpec {
  if (flags.model) return loadSpec(flags.model);
  if (flags.checkpoint) {
    const { spec, passed_over } = checkpointSpec(flags.checkpoint);
    tellPassedOver(passed_over);
    return spec;
  }
  throw new HashbrookError("usage", "no spec given", {
    hint: "give --model SPEC or --checkpoint DIR",
  });
}
