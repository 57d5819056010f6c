import { join } from "node:path";
import { TOGETHER, type TogetherFile } from "../../checkpoints/together-file.js";
import { writeFileAtomically } from "../../core/atomic-file.js";
import { HashbrookError } from "../../core/errors.js";
import { nodeFiles, writeError } from "../../core/files.js";
import { specHash } from "../../spec/hash.js";
import { loadSpec } from "../../spec/parse.js";
import type { ContenderOptions } from "./options.js";

/**
 * Records which models a directory holds.
 * @param before what it held
 * @throws output_exists; checkpoint_mismatch if other models are resumed in it; spec_invalid; checkpoint_write
 */
export function writeTogether(
  directory: string,
  contenders: readonly ContenderOptions[],
  before: TogetherFile | null,
  resume: boolean,
): void {
  if (holdsModel(directory))
    throw new HashbrookError("output_exists", `${directory}: already holds a single model`, {
      hint: "train several models into another --out directory",
    });
  const models = contenders.map(({ name, spec }) => ({
    name,
    spec_hash: specHash(typeof spec === "string" ? loadSpec(spec) : spec),
  }));
  const others = resume
    ? (before?.models ?? []).filter(({ name }) => !models.some((model) => model.name === name))
    : [];
  if (before && resume) refuseOthers(directory, before.models, models);
  if (!resume) refuseHeld(contenders);
  const path = join(directory, TOGETHER);
  try {
    nodeFiles.mkdir(directory);
    const text = JSON.stringify({ version: 1, models: [...models, ...others] } satisfies TogetherFile, null, 2);
    writeFileAtomically(nodeFiles, path, Buffer.from(`${text}\n`));
  } catch (error) {
    throw writeError(path, error);
  }
}

/** Before the list is written: if the run cannot begin, it must still name what the directory holds. */
function refuseHeld(contenders: readonly ContenderOptions[]): void {
  for (const { out } of contenders) {
    if (!holdsModel(out)) continue;
    throw new HashbrookError("output_exists", `${out}: already holds a model`, {
      hint: "continue with --resume, or train into another --out directory",
    });
  }
}

const holdsModel = (directory: string): boolean =>
  nodeFiles.list(directory).some((name) => name.startsWith("checkpoint-"));

type Models = TogetherFile["models"];

/** The order decides which model is the reference, and names depend on it. Models may be added. */
function refuseOthers(directory: string, before: Models, now: Models): void {
  for (const { name, spec_hash } of now) {
    const known = before.find((model) => model.name === name);
    if (!known || known.spec_hash === spec_hash) continue;
    throw new HashbrookError(
      "checkpoint_mismatch",
      `${directory}: ${name} was trained with spec ${known.spec_hash}, this spec is ${spec_hash}`,
      {
        hint: "resume with the original specs, or train into another --out directory",
      },
    );
  }
}
