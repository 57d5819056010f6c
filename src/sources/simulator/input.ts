import { HashbrookError } from "../../core/errors.js";
import { behind, type Input, SIMULATED_ROW_BYTES } from "../reader.js";
import type { SimulatorFormat } from "./writer.js";

/** The input for `simulate:ROWS[:SEED[:FORMAT]]`. SEED (32 bits) defaults to 1, FORMAT to tsv. @throws usage */
export function simulatedInput(name: string): Input {
  const match = /^simulate:(\d[\d_]*)(?::(\d+)(?::(tsv|json))?)?$/.exec(name);
  if (!match || Number(match[2] ?? 0) > 0xffffffff) {
    throw new HashbrookError("usage", `${name}: invalid simulated source`, {
      hint: "write simulate:ROWS[:SEED[:tsv|json]], for example simulate:2_000_000:7:json",
    });
  }
  const rows = Number(match[1].replaceAll("_", ""));
  const seed = Number(match[2] ?? 1);
  const format = (match[3] ?? "tsv") as SimulatorFormat;
  const open = async (offset: number) => {
    const { SimulatedReader } = await import("./reader.js");
    return behind(new SimulatedReader(rows, seed, format), name, offset);
  };
  const extent = rows * SIMULATED_ROW_BYTES;
  return { name, id: `simulate:${seed}:${format}`, bytes: null, extent, content: null, repeatable: true, open };
}
