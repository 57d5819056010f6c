// The thread that holds models: it loads checkpoints and applies updates, while scoring threads read the same memory.
import { parentPort } from "node:worker_threads";
import { HashbrookError } from "../core/errors.js";
import { loadModel } from "../model/load.js";
import { compiledFromJson } from "../spec/compile.js";
import { specHash } from "../spec/hash.js";
import { HeldModel } from "./held-model.js";
import { qualityOf } from "./live/quality.js";
import type { ModelCalls } from "./model-calls.js";
import { CAPACITY } from "./scoring-model.js";
import { answerCalls } from "./thread-calls.js";

const models = new Map<number, HeldModel>();

answerCalls<ModelCalls>(parentPort!, {
  async open({ id, spec, run, readers, precision }) {
    const compiled = compiledFromJson(JSON.stringify(spec));
    if (specHash(compiled) !== run) {
      throw new HashbrookError("log_mismatch", `delta log: its spec has the hash ${specHash(compiled)}, not ${run}`);
    }
    const held = await HeldModel.create(compiled, { id, readers, precision });
    models.set(id, held);
    return held.shared;
  },

  async load({ id, path, readers, precision, before, dims }) {
    const loaded = await loadModel(path, { capacity: CAPACITY, threads: 1, dims });
    const { spec, examples, model, skipped } = loaded;
    const told = { examples, skipped, quality: qualityOf(loaded) };
    const same = before === undefined ? undefined : models.get(before);
    if (same && specHash(same.shared.spec) === specHash(spec)) {
      same.become(model, examples);
      await model.close();
      return { model: same.shared, ...told };
    }
    const held = await HeldModel.create(spec, { id, readers, precision });
    held.apply(model.serving.pack("all").states(), examples);
    await model.close();
    models.set(id, held);
    return { model: held.shared, ...told };
  },

  apply({ id, states, examples }) {
    models.get(id)!.apply(states, examples);
  },

  ask({ id, question }) {
    return models.get(id)!.ask(question);
  },

  fill({ id }) {
    return models.get(id)!.fill();
  },

  async close({ id }) {
    await models.get(id)?.close();
    models.delete(id);
  },
});
