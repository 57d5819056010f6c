// The thread that holds models: it loads checkpoints and applies updates, while scoring threads read the same memory.
import { parentPort } from "node:worker_threads";
import { HashbrookError } from "../../core/errors.js";
import { compiledFromJson } from "../../spec/compile.js";
import { specHash } from "../../spec/hash.js";
import { checkSnapshotFits } from "../snapshot-memory.js";
import { answerCalls } from "../threads/thread-calls.js";
import { withCheckpoint } from "./checkpoint-source.js";
import { HeldModel } from "./held-model.js";
import type { ModelCalls } from "./model-calls.js";

const models = new Map<number, HeldModel>();

answerCalls<ModelCalls>(parentPort!, {
  async open({ id, spec, run, bytes, readers, precision }) {
    const compiled = compiledFromJson(JSON.stringify(spec));
    if (specHash(compiled) !== run) {
      throw new HashbrookError(
        "log_mismatch",
        `delta log: the hash of its spec is ${specHash(compiled)}, expected ${run}`,
      );
    }
    checkSnapshotFits(bytes, precision);
    const held = await HeldModel.create(compiled, { id, readers, precision });
    models.set(id, held);
    return held.shared;
  },

  load({ id, path, readers, precision, before, dims }) {
    return withCheckpoint(path, dims, async (source) => {
      const { spec, examples, skipped, quality } = source;
      const same = before === undefined ? undefined : models.get(before);
      const isSame = same && specHash(same.shared.spec) === specHash(spec);
      const held = isSame ? same : await HeldModel.create(spec, { id, readers, precision });
      try {
        if (isSame) await held.become(source);
        else held.fill(source);
      } catch (error) {
        if (!isSame) await held.close();
        throw error;
      }
      models.set(held.shared.id, held);
      return { model: held.shared, examples, skipped, quality };
    });
  },

  async apply({ id, states, examples }) {
    await models.get(id)!.apply(states, examples);
  },

  ask({ id, question }) {
    return models.get(id)!.ask(question);
  },

  fill({ id }) {
    return models.get(id)!.fills;
  },

  async close({ id }) {
    await models.get(id)?.close();
    models.delete(id);
  },
});
