// The thread of `bareBeside`.
import { parentPort, workerData } from "node:worker_threads";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { bareRun } from "./parts.js";

const { spec, ms } = workerData as { readonly spec: CompiledSpec; readonly ms: number };
parentPort!.postMessage(await bareRun(spec, ms));
