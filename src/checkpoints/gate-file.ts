import { join } from "node:path";
import { writeFileAtomically } from "../core/atomic-file.js";
import { HashbrookError } from "../core/errors.js";
import { type Files, readFully, withFile } from "../core/files.js";
import { Type } from "../schema/typebox.js";
import { validator } from "../schema/validator.js";
import { MANIFEST } from "./manifest.js";

/** `gate.json` of a run's directory: whether publication is on hold, and which checkpoint is known to be good. */
export interface GateFile {
  /** The reaction to a breach. */
  readonly action: "hold" | "side" | "halt";
  /** Examples learned when this was written. */
  readonly examples: number;
  /** null: publication is not on hold. */
  readonly hold: {
    /** Number of the hold within the run. */
    readonly number: number;
    /** Examples learned when it began. */
    readonly since: number;
    /** The signals that were out of bounds. */
    readonly breaches: readonly {
      readonly signal: string;
      readonly value: number;
      readonly least: number | null;
      readonly most: number | null;
    }[];
    /** A summary in one line. */
    readonly text: string;
  } | null;
  /** Windows since the last one with a breach. */
  readonly recovered: number;
  /** Directory of the newest checkpoint before which no breach was seen; null: none yet. */
  readonly good: string | null;
}

const Bound = Type.Union([Type.Null(), Type.Number()]);
const gateFile = validator(
  Type.Object({
    action: Type.Enum(["hold", "side", "halt"]),
    examples: Type.Number(),
    hold: Type.Union([
      Type.Null(),
      Type.Object({
        number: Type.Number(),
        since: Type.Number(),
        breaches: Type.Array(Type.Object({ signal: Type.String(), value: Type.Number(), least: Bound, most: Bound })),
        text: Type.String(),
      }),
    ]),
    recovered: Type.Number(),
    good: Type.Union([Type.Null(), Type.String()]),
  }),
);

export const GATE_FILE = "gate.json";

/** undefined if it does not exist or cannot be read. */
export function readGateFile(files: Files, directory: string): GateFile | undefined {
  const path = join(directory, GATE_FILE);
  const bytes = files.stat(path)?.bytes;
  if (bytes === undefined) return undefined;
  try {
    const data = new Uint8Array(bytes);
    const count = withFile(files, path, "r", (file) => readFully(files, file, data, 0));
    const read: unknown = JSON.parse(new TextDecoder().decode(data.subarray(0, count)));
    return gateFile(read, (what) => new HashbrookError("checkpoint_damaged", what));
  } catch {
    return undefined;
  }
}

/** @throws as the files do */
export function writeGateFile(files: Files, directory: string, state: GateFile): void {
  writeFileAtomically(
    files,
    join(directory, GATE_FILE),
    new TextEncoder().encode(`${JSON.stringify(state, null, 2)}\n`),
  );
}

/** The checkpoint that is known to be good, which is never pruned; undefined if there is none. */
export function goodCheckpoint(files: Files, directory: string): string | undefined {
  const good = readGateFile(files, directory)?.good;
  if (!good || /[\\/]/.test(good)) return undefined;
  const path = join(directory, good);
  return files.stat(join(path, MANIFEST)) ? path : undefined;
}

/** The checkpoint to serve instead of a run's newest one, and why; undefined if the newest is fine. */
export function servedInstead(files: Files, directory: string): { path: string; text: string } | undefined {
  const gate = readGateFile(files, directory);
  if (!gate?.hold || gate.action === "hold") return undefined;
  const path = goodCheckpoint(files, directory);
  return path === undefined ? undefined : { path, text: gate.hold.text };
}
